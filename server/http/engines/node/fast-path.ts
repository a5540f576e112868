// The front door of the node engine: it owns a socket for as long as every byte on it repeats the
// first request, and answers each run of copies with one write. Everything else, at any byte, is
// handed to node's own parser with nothing lost: there it is decided what the odd ones mean.

import type { Socket } from 'node:net'
import type { App, ReadyLimit, ReadyReply, ReadySource, Reply } from '../engine.ts'
import type { InPlaceSocket } from './in-place-socket.ts'
import { readPlainGet } from './plain-get.ts'
import { countRepeats } from './repeats.ts'
import type { Unsent } from '../unsent.ts'
import { isLarge, type Wires } from './wire.ts'

/** Bytes that may wait unsent on one connection before it is read no further. */
const unsentBytesMax = 1024 * 1024

export type FastPathParts = {
  readonly app: App
  readonly wires: Wires
  readonly unsent: Unsent
  /** Takes the socket over, which is paused, and the bytes that are not answered yet. */
  readonly handOver: (inPlace: InPlaceSocket, unanswered: Buffer) => void
  /** Node's own answer to a request that ends, or stalls, half way. */
  readonly reject: (error: NodeJS.ErrnoException, socket: Socket) => void
  readonly isDraining: () => boolean
}

export type FastConnection = {
  readonly socket: Socket
  /** What it is waiting for, for the timeouts. */
  waitsFor(): 'first-request' | 'next-request' | 'rest-of-request' | 'nothing'
  /** Requests that have come whole. */
  requests(): number
  /** Closes it, if it is between two requests. */
  closeIfIdle(): void
}

/** Bytes that answer `run` requests, of the `wanted` that wait. */
type Answer = {
  readonly reply: Reply
  readonly second: number
  readonly wanted: number
  readonly run: number
  readonly bytes: Buffer
}

export const createFastConnection = (
  inPlace: InPlaceSocket,
  { app, wires, unsent, handOver, reject, isDraining }: FastPathParts,
  onDone: () => void,
): FastConnection => {
  const { notReadyWith } = app
  const { socket, readWith } = inPlace
  let request: Buffer | undefined
  let source: ReadySource | undefined
  let limit: ReadyLimit | undefined
  /** Bytes of the next copy that have come. */
  let matched = 0
  /** Copies that have come and are not answered. */
  let owed = 0
  let ended = false
  let done = false
  let requests = 0
  let last: Answer | undefined

  const onBytes = (buffer: Buffer, length: number) => {
    if (!request || !source) {
      const plain = readPlainGet(buffer.subarray(0, length))
      source =
        plain && !(notReadyWith !== undefined && plain.header(notReadyWith))
          ? app.ready(plain.target, plain.header('accept-encoding'), plain.header('if-none-match'))
          : undefined
      if (!plain || !source) {
        giveUp(Buffer.from(buffer.subarray(0, length)))
        return
      }
      request = Buffer.from(buffer.subarray(0, plain.length))
      limit = app.readyLimitOf?.(socket.remoteAddress ?? '', plain.header('x-forwarded-for'))
    }
    const repeats = countRepeats(request, matched, buffer, length)
    if (repeats.kind === 'other') {
      giveUp(Buffer.concat([request.subarray(0, matched), buffer.subarray(0, length)]))
      return
    }
    matched = repeats.matched
    owed += repeats.complete
    requests += repeats.complete
    if (owed > 0) answer(request, source)
  }

  const answer = (learned: Buffer, ready: ReadySource) => {
    // 'drain' comes only behind more than a write: who reads on would look like who never did.
    if (socket.writableLength === 0) unsent.release(holder)
    while (owed > 0 && socket.writableLength < unsentBytesMax) {
      const reply = ready()
      const allowed = limit ? Math.min(owed, limit.left()) : owed
      if (!reply || allowed === 0) {
        // No list to serve any more, or a client that is over its limit, and is read slowly there: node's
        // way answers these too, after those already written.
        const unanswered = Buffer.alloc(owed * learned.length + matched, learned)
        giveUp(unanswered)
        return
      }
      if (isDraining() && owed === 1) {
        count(reply, 1)
        finish(wires.closing(reply))
        return
      }
      if (isLarge(reply)) {
        if (!unsent.hasRoomFor(reply.body)) {
          unsent.whenReleased(goOn)
          break
        }
        sendLarge(reply)
        continue
      }
      const { run, bytes } = answerTo(reply, isDraining() ? Math.min(allowed, owed - 1) : allowed)
      owed -= run
      count(reply, run)
      socket.write(bytes)
      if (socket.writableLength > 0) unsent.hold(holder, bytes)
    }
    if (owed > 0) socket.pause()
    else if (ended) endOfInput()
  }

  const count = (reply: ReadyReply, run: number) => {
    reply.tally.requests += run
    limit?.take(run)
  }

  /** From where it lies: not a byte of its body is copied. */
  const sendLarge = (reply: ReadyReply) => {
    owed--
    count(reply, 1)
    socket.cork()
    socket.write(wires.head(reply))
    socket.write(reply.body)
    if (reply.tail) socket.write(reply.tail)
    socket.uncork()
    if (socket.writableLength > 0) unsent.hold(holder, reply.body)
  }

  /** A client keeps its depth: the answer to the last run is most often the answer to this one. */
  const answerTo = (reply: Reply, wanted: number): Answer => {
    const second = wires.second()
    if (last?.wanted === wanted && last.reply === reply && last.second === second) return last
    const { length, copies } = wires.of(reply, wanted)
    const run = Math.min(wanted, copies.length / length)
    last = { reply, second, wanted, run, bytes: copies.subarray(0, run * length) }
    return last
  }

  const onDrain = () => {
    unsent.release(holder)
    goOn()
  }

  const goOn = () => {
    if (done || owed === 0 || !request || !source) return
    answer(request, source)
    if (owed === 0 && !done) socket.resume()
  }

  const onEnd = () => {
    ended = true
    if (owed === 0) endOfInput()
  }

  /** The client has sent its last byte. What it asked for whole is answered; half a request is bad. */
  const endOfInput = () => {
    if (matched > 0) {
      release()
      reject(
        Object.assign(new Error('the request ended early'), { code: 'HPE_INVALID_EOF_STATE' }),
        socket,
      )
      return
    }
    finish()
  }

  const finish = (lastBytes?: Buffer) => {
    owed = 0
    release()
    if (lastBytes) socket.end(lastBytes)
    else socket.end()
    // What still comes is read and dropped: closed with input unread, the connection would be reset,
    // and the reset may overtake the answer.
    socket.resume()
  }

  const giveUp = (unanswered: Buffer) => {
    if (ended) {
      // Nothing can be put back behind the end of the input, and nobody waits for more than this.
      finish()
      return
    }
    release()
    // Paused, so that these bytes come first: node's parser begins to read on resume.
    socket.pause()
    handOver(inPlace, unanswered)
    socket.resume()
  }

  const onClose = () => {
    unsent.release(holder)
    release()
  }
  const holder = {
    isDone: () => socket.destroyed || socket.writableLength === 0,
    cut: () => socket.destroy(),
  }

  const release = () => {
    if (done) return
    done = true
    readWith(undefined)
    // What was written here may wait on: 'drain' and 'close' still report when it does no more.
    socket.off('end', onEnd)
    onDone()
  }

  readWith(onBytes)
  socket.on('drain', onDrain)
  socket.on('end', onEnd)
  socket.on('close', onClose)

  return {
    socket,
    waitsFor() {
      if (owed > 0 || socket.writableLength > 0) return 'nothing'
      if (matched > 0) return 'rest-of-request'
      return request ? 'next-request' : 'first-request'
    },
    requests: () => requests,
    closeIfIdle() {
      if (owed === 0 && matched === 0) finish()
    },
  }
}
