// How far the node engine reads ahead of its answers. 4 MB of pipelined point reads on one connection
// ended server processes: all 100,000 were parsed and handled at once. So bytes reach node's parser one
// request at a time, and past a bound the socket is not read until answers have left.

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Begun } from './exchange.ts'
import type { InPlaceSocket } from './in-place-socket.ts'

export type PipelineBounds = {
  /** Requests of one connection that may be unanswered. */
  readonly pipelineMax: number
  /** Limit over all connections; past it each may have one: nobody waits for another's pipeline. */
  readonly pendingMax: number
}

export type Pipeline = {
  /**
   * From now on the socket's bytes come to its parser through here, `first` before all others. `begun`: the
   * first request in them is being answered.
   */
  feed(inPlace: InPlaceSocket, first: Buffer, begun?: Begun): void
  /** What was begun of the request that is the socket's first; once. */
  takeBegun(socket: Socket): Begun | undefined
  /** One more request waits for its answer. `bodyBytes`: its Content-Length, 0 without one. */
  begin(request: IncomingMessage, bodyBytes: number): Pending
  /** Whether nothing has come behind it on its connection. */
  isLast(request: IncomingMessage): boolean
  /** Whether something has come that is not given to the parser yet. */
  hasMore(socket: Socket): boolean
  /** Whether a request that came whole is unanswered. */
  awaitsAnswer(socket: Socket): boolean
  /** What comes from now on is read and dropped. */
  drop(socket: Socket): void
  /** Its bytes do not come through here any more; what has come and was given to nobody. */
  release(socket: Socket): Buffer
  /** What has come is answered; requests that come later are read and dropped. */
  leave(socket: Socket): void
  /** Requests that are unanswered, on all connections. */
  pending(): number
}

export type Pending = {
  /** Its answer's bytes, which count until the last has left. */
  answeredWith(bytes: number): void
  /** The client is over its limit: what it has pipelined behind this is read slowly. */
  slowDown(): void
  /** The answer has left; or never will. */
  end(): void
}

/** Requests and answers of one connection: as much as the fast path lets wait for a slow client. */
const bytesMax = 1024 * 1024

/**
 * Between two requests of a connection that pipelines behind a refusal. Refused as fast as it was read, such
 * a client took the processor from all others: 8,000 refusals a second, and their p99 rose eightfold
 * (`FLOOD_SECONDS=3 node --import tsx testing/system/fair-share.test.ts`).
 */
const restMs = 10

type Connection = {
  begun: Begun | undefined
  unanswered: number
  bytes: number
  newest: IncomingMessage | undefined
  isNewestAnswered: boolean
  /** Bytes given to the parser since its newest request: they count with the next one. */
  fedBytes: number
  /** Has come, and is not given to the parser yet. */
  held: Buffer
  /** Bytes left of the newest body: they follow whatever they hold, and not one more with them. */
  bodyBytesLeft: number
  isDropping: boolean
  /** Set: no request is begun behind so many more bytes. */
  bytesToLeave: number | undefined
  /** It is fed in the next turn of the event loop. */
  isDue: boolean
  /** Requests that may be unanswered now: one after a refusal, one more with each other answer. */
  depth: number
  /** Nothing is read: its last answer was a refusal. */
  isResting: boolean
  feed: () => void
  /** Gives its socket back. */
  release: () => void
}

export const createPipeline = ({ pipelineMax, pendingMax }: PipelineBounds): Pipeline => {
  const connections = new WeakMap<Socket, Connection>()
  /** Those that could be read on, were it not for the others. */
  const waiting = new Set<Connection>()
  let pending = 0

  const of = (socket: Socket): Connection => {
    const known = connections.get(socket)
    if (known) return known
    const connection: Connection = {
      begun: undefined,
      unanswered: 0,
      bytes: 0,
      newest: undefined,
      isNewestAnswered: false,
      fedBytes: 0,
      held: nothing,
      bodyBytesLeft: 0,
      isDropping: false,
      bytesToLeave: undefined,
      isDue: false,
      depth: pipelineMax,
      isResting: false,
      feed() {},
      release() {},
    }
    connections.set(socket, connection)
    // Node forgets responses that wait behind another when the connection closes.
    socket.once('close', () => {
      pending -= connection.unanswered
      connection.unanswered = 0
      waiting.delete(connection)
      wake()
    })
    return connection
  }

  const hasRoom = (connection: Connection): boolean => {
    if (connection.isResting) return false
    if (connection.unanswered === 0) return true
    if (connection.unanswered >= connection.depth || connection.bytes >= bytesMax) return false
    if (pending < pendingMax) return true
    waiting.add(connection)
    return false
  }

  const wake = () => {
    if (waiting.size === 0 || pending >= pendingMax) return
    for (const connection of waiting) feedLater(connection)
    waiting.clear()
  }

  const feedLater = (connection: Connection) => {
    if (connection.isDue) return
    connection.isDue = true
    setImmediate(() => {
      connection.isDue = false
      connection.feed()
    })
  }

  const rest = (connection: Connection) => {
    if (connection.isResting) return
    connection.isResting = true
    setTimeout(() => {
      connection.isResting = false
      connection.feed()
    }, restMs)
  }

  return {
    feed(inPlace, first, begun) {
      const { socket } = inPlace
      const connection = of(socket)
      connection.held = first
      connection.begun = begun
      /** The parser has half a head: the rest follows at once, or the request would be called late. */
      let isHeadOpen = false
      /** The last bytes that were given, where an empty line may have begun. */
      let seam = nothing
      let isFeeding = false
      const isBodyOpen = () => connection.newest?.complete === false
      const isBetween = () => !isHeadOpen && !isBodyOpen()
      const isDone = () =>
        connection.isDropping ||
        // Only in front of an answer that can say so.
        ((connection.bytesToLeave ?? 1) <= 0 && isBetween() && !connection.isNewestAnswered)
      /** As much as may hold the end of one head, but nothing of the next. */
      const nextPart = (): Buffer => {
        const { held, bodyBytesLeft } = connection
        if (bodyBytesLeft > 0) {
          const part = held.subarray(0, bodyBytesLeft)
          connection.bodyBytesLeft -= part.length
          seam = nothing
          return part
        }
        const end = endOfHead(held, seam)
        if (end !== -1) {
          seam = nothing
          return held.subarray(0, end)
        }
        seam = Buffer.concat([seam, held.subarray(-2)]).subarray(-2)
        return held
      }
      connection.feed = () => {
        if (isFeeding) return
        isFeeding = true
        if (isDone()) connection.held = nothing
        while (connection.held.length > 0 && !socket.isPaused() && !socket.destroyed) {
          if (isBetween() && !hasRoom(connection)) break
          const part = nextPart()
          connection.held = connection.held.subarray(part.length)
          connection.fedBytes += part.length
          if (connection.bytesToLeave !== undefined) connection.bytesToLeave -= part.length
          socket.emit('data', part)
          isHeadOpen = seam.length > 0 && !isBodyOpen()
          if (isDone()) connection.held = nothing
        }
        isFeeding = false
        if (connection.held.length > 0) inPlace.stopReading()
        else if (!socket.isPaused()) inPlace.startReading()
      }
      inPlace.readWith((buffer, length) => {
        const chunk = Buffer.from(buffer.subarray(0, length))
        const { held } = connection
        connection.held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
        connection.feed()
      })
      // Behind the parser's own listener, which begins to read.
      const { feed } = connection
      socket.on('resume', feed)
      connection.release = () => {
        socket.off('resume', feed)
        connection.feed = () => {}
        inPlace.readWith(undefined)
        inPlace.startReading()
      }
      feed()
    },
    takeBegun(socket) {
      const connection = of(socket)
      const { begun } = connection
      connection.begun = undefined
      return begun
    },
    begin(request, bodyBytes) {
      const connection = of(request.socket)
      let bytes = connection.fedBytes
      let isRefused = false
      connection.fedBytes = 0
      connection.newest = request
      connection.isNewestAnswered = false
      connection.bodyBytesLeft = bodyBytes
      connection.unanswered++
      connection.bytes += bytes
      pending++
      return {
        answeredWith(length) {
          bytes += length
          connection.bytes += length
          connection.isNewestAnswered ||= connection.newest === request
        },
        slowDown() {
          isRefused = true
        },
        end() {
          if (request.socket.destroyed) return
          connection.unanswered--
          connection.bytes -= bytes
          pending--
          // Who leaves is not held up: what has come is all that is read.
          const isOverLimit = isRefused && connection.bytesToLeave === undefined
          connection.depth = isOverLimit ? 1 : Math.min(connection.depth + 1, pipelineMax)
          if (connection.held.length > 0) {
            if (isOverLimit) rest(connection)
            // In another turn: answers that are made at once would else be followed by the next requests
            // for as long as any have come, and all other connections would wait.
            else feedLater(connection)
          }
          wake()
        },
      }
    },
    isLast(request) {
      const connection = connections.get(request.socket)
      return connection?.newest === request && connection.held.length === 0
    },
    hasMore: (socket) => (connections.get(socket)?.held.length ?? 0) > 0,
    awaitsAnswer(socket) {
      const connection = connections.get(socket)
      if (!connection || connection.unanswered === 0) return false
      // Only the newest can be incomplete: the parser comes to a request when the one before is whole.
      return connection.unanswered > 1 || connection.newest?.complete === true
    },
    drop(socket) {
      of(socket).isDropping = true
    },
    release(socket) {
      const connection = of(socket)
      const { held } = connection
      connection.held = nothing
      connection.release()
      return held
    },
    leave(socket) {
      const connection = of(socket)
      connection.bytesToLeave ??= connection.held.length
    },
    pending: () => pending,
  }
}

const nothing = Buffer.alloc(0)

/** Most heads end in the first of the windows that are searched for an end. */
const firstWindowBytes = 256

/**
 * Where the first head in `bytes`, which come behind `seam`, ends, or where a body has an empty line; -1 when
 * nowhere. Node's parser drops what comes with a head that asks for an Upgrade: given heads one by one, it
 * answers all of them.
 */
export const endOfHead = (bytes: Buffer, seam = nothing): number => {
  if (seam.length > 0) {
    const across = endOfHead(Buffer.concat([seam, bytes.subarray(0, 2)]))
    if (across !== -1) return across - seam.length
  }
  // In ever wider windows. 64 KB of empty lines took seconds with a search for each in all that follows.
  for (let size = firstWindowBytes; ; size *= 2) {
    const window = bytes.subarray(0, size)
    const lf = window.indexOf('\n\n')
    const crlf = (lf === -1 ? window : window.subarray(0, lf + 2)).indexOf('\n\r\n')
    if (crlf !== -1) return crlf + 3
    if (lf !== -1) return lf + 2
    if (size >= bytes.length) return -1
  }
}
