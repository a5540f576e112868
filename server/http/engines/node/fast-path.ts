// The front door of the node engine: it owns a socket for as long as plain requests come on it one after
// the other, or copies of one for a ready list, each run of which gets one write. Everything else, at
// any byte, is handed to node's own parser with nothing lost: there it is decided what the odd ones mean.

import type { Socket } from 'node:net'
import type { App, ReadyLimit, ReadyReply, ReadySource, Reply } from '../engine.ts'
import { createExchange, piecesMax, type Begun, type Exchange } from './exchange.ts'
import type { InPlaceSocket } from './in-place-socket.ts'
import { readPlainRequest, type PlainRequest } from './plain-request.ts'
import { countRepeats } from './repeats.ts'
import type { Unsent } from '../unsent.ts'
import { isLarge, type Wires } from './wire.ts'

/** Bytes that may wait unsent on one connection before it is read no further. */
const unsentBytesMax = 1024 * 1024

export type FastPathParts = {
  readonly app: App
  readonly headBytesMax: number
  readonly wires: Wires
  readonly unsent: Unsent
  /**
   * Takes the socket over, which is paused, and the bytes that are not answered yet. `begun`: the first
   * request in them is being answered already.
   */
  readonly handOver: (inPlace: InPlaceSocket, unanswered: Buffer, begun?: Begun) => void
  /** Node's own answer to a request that ends, or stalls, half way. */
  readonly reject: (error: NodeJS.ErrnoException, socket: Socket) => void
  readonly isDraining: () => boolean
}

export type FastConnection = {
  readonly socket: Socket
  /** What it is waiting for, for the timeouts. */
  waitsFor(): 'first-request' | 'next-request' | 'rest-of-head' | 'rest-of-body' | 'nothing'
  /** Requests whose heads have come. */
  requests(): number
  /** Closes it, if it is between two requests. */
  closeIfIdle(): void
  /** Answers 408 to what it waits for, and closes it. */
  timeOut(): void
}

/** A request for a ready list, whose copies are known by their bytes. */
type Learned = {
  readonly bytes: Buffer
  readonly source: ReadySource
  readonly limit: ReadyLimit | undefined
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
  { app, headBytesMax, wires, unsent, handOver, reject, isDraining }: FastPathParts,
  onDone: () => void,
): FastConnection => {
  const { notReadyWith } = app
  const { socket, readWith } = inPlace
  let learned: Learned | undefined
  /** Bytes of the next copy that have come. */
  let matched = 0
  /** Copies that have come and are not answered. */
  let owed = 0
  /** The begin of a head that is not whole yet, and in how many pieces it came. */
  let torn = nothing
  let tornPieces = 0
  /** The request that the application is answering. */
  let exchange: Exchange | undefined
  let ended = false
  let done = false
  let requests = 0
  let last: Answer | undefined

  const onBytes = (buffer: Buffer, length: number) => {
    if (exchange) {
      const chunk = buffer.subarray(0, length)
      if (!exchange.take(chunk)) pass(exchange, Buffer.concat([exchange.bytes(), chunk]))
      return
    }
    if (learned) {
      const repeats = countRepeats(learned.bytes, matched, buffer, length)
      if (repeats.kind === 'copies') {
        matched = repeats.matched
        owed += repeats.complete
        requests += repeats.complete
        if (owed > 0) answer(learned)
        return
      }
    }
    const before = learned && matched > 0 ? learned.bytes.subarray(0, matched) : torn
    const chunk = buffer.subarray(0, length)
    matched = 0
    begin(before.length > 0 ? Buffer.concat([before, chunk]) : chunk)
  }

  /** `bytes` begin with a request. */
  const begin = (bytes: Buffer) => {
    const reading = readPlainRequest(bytes, headBytesMax)
    if (reading.kind === 'torn' && ++tornPieces < piecesMax) {
      learned = undefined
      torn = Buffer.from(bytes)
      return
    }
    torn = nothing
    tornPieces = 0
    if (reading.kind !== 'plain') {
      giveUp(Buffer.from(bytes))
      return
    }
    const plain = reading.request
    const source =
      plain.method === 'GET' && !(notReadyWith !== undefined && plain.header(notReadyWith))
        ? app.ready(plain.target, plain.header('accept-encoding'), plain.header('if-none-match'))
        : undefined
    if (source) learn(plain, source, bytes)
    // Who pipelines, or does not read, is for node's parser, which knows how much it may begin.
    else if (
      bytes.length > plain.headBytes + plain.bodyBytes ||
      socket.writableLength >= unsentBytesMax
    )
      giveUp(Buffer.from(bytes))
    else {
      requests++
      ask(plain, Buffer.from(bytes))
    }
  }

  const learn = (plain: PlainRequest, source: ReadySource, bytes: Buffer) => {
    const limit = app.readyLimitOf?.(socket.remoteAddress ?? '', plain.header('x-forwarded-for'))
    learned = { bytes: Buffer.from(bytes.subarray(0, plain.headBytes)), source, limit }
    const repeats = countRepeats(learned.bytes, 0, bytes, bytes.length)
    if (repeats.kind === 'other') {
      giveUp(Buffer.from(bytes))
      return
    }
    matched = repeats.matched
    owed = repeats.complete
    requests += repeats.complete
    answer(learned)
  }

  const ask = (plain: PlainRequest, bytes: Buffer) => {
    const asked = createExchange(plain, bytes, socket, app.handle)
    exchange = asked
    if (asked.reply instanceof Promise) void asked.reply.then((made) => settle(asked, made))
    else settle(asked, asked.reply)
  }

  const settle = (asked: Exchange, reply: Reply) => {
    if (exchange !== asked) return
    const isPlain = !reply.stream && !reply.close && !isLarge(reply)
    if (!isPlain || isDraining() || !asked.isWhole()) {
      pass(asked, asked.bytes())
      return
    }
    exchange = undefined
    if (socket.writableLength === 0) unsent.release(holder)
    const bytes = asked.method === 'HEAD' ? wires.head(reply) : wires.one(reply)
    socket.write(bytes)
    if (socket.writableLength > 0) unsent.hold(holder, bytes)
  }

  /** Node's parser answers it, with what is being made. */
  const pass = (asked: Exchange, bytes: Buffer) => {
    exchange = undefined
    giveUp(bytes, asked)
  }

  const answer = (list: Learned) => {
    const { limit } = list
    // 'drain' comes only behind more than a write: who reads on would look like who never did.
    if (socket.writableLength === 0) unsent.release(holder)
    while (owed > 0 && socket.writableLength < unsentBytesMax) {
      const reply = list.source()
      const allowed = limit ? Math.min(owed, limit.left()) : owed
      if (!reply || allowed === 0) {
        notReady(list)
        return
      }
      if (isDraining() && owed === 1) {
        count(limit, reply, 1)
        finish(wires.closing(reply))
        return
      }
      if (isLarge(reply)) {
        if (!unsent.hasRoomFor(reply.body)) {
          unsent.whenReleased(goOn)
          break
        }
        owed--
        count(limit, reply, 1)
        sendLarge(reply)
        continue
      }
      const { run, bytes } = answerTo(reply, isDraining() ? Math.min(allowed, owed - 1) : allowed)
      owed -= run
      count(limit, reply, run)
      socket.write(bytes)
      if (socket.writableLength > 0) unsent.hold(holder, bytes)
    }
    if (owed > 0) socket.pause()
    else if (ended) endOfInput()
  }

  /** There is no list to serve any more, or its client is over the limit: the application answers. */
  const notReady = ({ bytes }: Learned) => {
    const isAlone = owed === 1 && matched === 0 && !ended
    const reading = isAlone ? readPlainRequest(bytes, headBytesMax) : undefined
    if (reading?.kind === 'plain') {
      owed = 0
      ask(reading.request, bytes)
    }
    // A client over its limit that pipelines is read slowly there.
    else giveUp(Buffer.alloc(owed * bytes.length + matched, bytes))
  }

  const count = (limit: ReadyLimit | undefined, reply: ReadyReply, run: number) => {
    reply.tally.requests += run
    limit?.take(run)
  }

  /** From where it lies: not a byte of its body is copied. */
  const sendLarge = (reply: ReadyReply) => {
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
    if (done || owed === 0 || !learned) return
    answer(learned)
    if (owed === 0 && !done) socket.resume()
  }

  const onEnd = () => {
    ended = true
    if (owed === 0) endOfInput()
  }

  /** The client has sent its last byte. Half a request is bad. */
  const endOfInput = () => {
    const isHalf = matched > 0 || torn.length > 0 || exchange?.isWhole() === false
    if (isHalf) refuse('the request ended early', 'HPE_INVALID_EOF_STATE')
    // Who does not wait for an answer gets none, as from node's parser.
    else finish()
  }

  const refuse = (message: string, code: string) => {
    release()
    reject(Object.assign(new Error(message), { code }), socket)
    socket.resume()
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

  const giveUp = (unanswered: Buffer, begun?: Begun) => {
    if (ended) {
      // Nothing can be put back behind the end of the input, and nobody waits for more than this.
      finish()
      return
    }
    release()
    // Paused, so that these bytes come first: node's parser begins to read on resume.
    socket.pause()
    handOver(inPlace, unanswered, begun)
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
    exchange?.drop()
    exchange = undefined
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
      if (exchange) return exchange.isWhole() ? 'nothing' : 'rest-of-body'
      if (matched > 0 || torn.length > 0) return 'rest-of-head'
      return requests > 0 ? 'next-request' : 'first-request'
    },
    requests: () => requests,
    closeIfIdle() {
      if (owed === 0 && matched === 0 && torn.length === 0 && !exchange) finish()
    },
    timeOut() {
      refuse('the request came too slowly', 'ERR_HTTP_REQUEST_TIMEOUT')
    },
  }
}

const nothing = Buffer.alloc(0)
