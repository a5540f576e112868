// How far the node engine reads ahead of its answers. 4 MB of pipelined point reads on one connection
// ended server processes: all 100,000 were parsed and handled at once. So bytes reach node's parser one
// request at a time, and past a bound the socket is not read until answers have left.

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { InPlaceSocket } from './in-place-socket.ts'

export type PipelineBounds = {
  /** Requests of one connection that may be unanswered. */
  readonly pipelineMax: number
  /** Of all connections; past it each may have one, so that nobody waits for another's pipeline. */
  readonly pendingMax: number
}

export type Pipeline = {
  /** From now on the socket's bytes come to its parser through here, `first` before all others. */
  feed(inPlace: InPlaceSocket, first: Buffer): void
  /** One more request waits for its answer. */
  begin(request: IncomingMessage): Pending
  /** Whether nothing has come behind it on its connection. */
  isLast(request: IncomingMessage): boolean
  /** Whether a request that came whole is unanswered. */
  awaitsAnswer(socket: Socket): boolean
  /** What comes from now on is read and dropped. */
  drop(socket: Socket): void
  /** Requests that are unanswered, on all connections. */
  pending(): number
}

export type Pending = {
  /** Its answer's bytes, which count until the last has left. */
  answeredWith(bytes: number): void
  /** The answer has left; or never will. */
  end(): void
}

/** Requests and answers of one connection: as much as the fast path lets wait for a slow client. */
const bytesMax = 1024 * 1024

type Connection = {
  unanswered: number
  bytes: number
  newest: IncomingMessage | undefined
  /** Bytes given to the parser since its newest request: they count with the next one. */
  fedBytes: number
  /** Has come, and is not given to the parser yet. */
  held: Buffer
  isDropping: boolean
  /** It is fed in the next turn of the event loop. */
  isDue: boolean
  feed: () => void
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
      unanswered: 0,
      bytes: 0,
      newest: undefined,
      fedBytes: 0,
      held: nothing,
      isDropping: false,
      isDue: false,
      feed() {},
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
    if (connection.unanswered === 0) return true
    if (connection.unanswered >= pipelineMax || connection.bytes >= bytesMax) return false
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

  return {
    feed(inPlace, first) {
      const { socket } = inPlace
      const connection = of(socket)
      connection.held = first
      /** The parser has half a head: the rest follows at once, or the request would be called late. */
      let isHeadOpen = false
      let isFeeding = false
      const isBodyOpen = () => connection.newest?.complete === false
      connection.feed = () => {
        if (isFeeding) return
        isFeeding = true
        if (connection.isDropping) connection.held = nothing
        while (connection.held.length > 0 && !socket.isPaused() && !socket.destroyed) {
          const { held } = connection
          const inBody = isBodyOpen()
          if (!inBody && !isHeadOpen && !hasRoom(connection)) break
          const headEnd = endOfHead(held)
          const part = headEnd === -1 ? held : held.subarray(0, headEnd)
          connection.held = held.subarray(part.length)
          isHeadOpen = headEnd === -1 && !inBody
          connection.fedBytes += part.length
          socket.emit('data', part)
          if (connection.isDropping) connection.held = nothing
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
      socket.on('resume', connection.feed)
      connection.feed()
    },
    begin(request) {
      const connection = of(request.socket)
      let bytes = connection.fedBytes
      connection.fedBytes = 0
      connection.newest = request
      connection.unanswered++
      connection.bytes += bytes
      pending++
      return {
        answeredWith(length) {
          bytes += length
          connection.bytes += length
        },
        end() {
          if (request.socket.destroyed) return
          connection.unanswered--
          connection.bytes -= bytes
          pending--
          // In another turn: answers that are made at once would else be followed by the next requests
          // for as long as any have come, and all other connections would wait.
          if (connection.held.length > 0) feedLater(connection)
          wake()
        },
      }
    },
    isLast(request) {
      const connection = connections.get(request.socket)
      return connection?.newest === request && connection.held.length === 0
    },
    awaitsAnswer(socket) {
      const connection = connections.get(socket)
      if (!connection || connection.unanswered === 0) return false
      // Only the newest can be incomplete: the parser comes to a request when the one before is whole.
      return connection.unanswered > 1 || connection.newest?.complete === true
    },
    drop(socket) {
      of(socket).isDropping = true
    },
    pending: () => pending,
  }
}

const nothing = Buffer.alloc(0)

/**
 * Where the first head in `bytes` ends, or where a body has an empty line; -1 when nowhere. Node's parser drops
 * what comes with a head that asks for an Upgrade: given heads one by one, it answers all of them.
 */
export const endOfHead = (bytes: Buffer): number => {
  const crlf = bytes.indexOf('\n\r\n')
  const lf = (crlf === -1 ? bytes : bytes.subarray(0, crlf + 1)).indexOf('\n\n')
  if (lf !== -1) return lf + 2
  return crlf === -1 ? -1 : crlf + 3
}
