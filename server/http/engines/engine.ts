// The seam between HTTP on the wire and the application. An engine knows nothing of todos; the
// application knows nothing of sockets. Both engines give the same bytes for the same reply.

import type { WebSocketRoute } from './web-socket.ts'

export type Reply = {
  readonly status: number
  /** Name, value, name, value, …; complete but for Date and Connection, which are the engine's. */
  readonly headers: readonly string[]
  readonly body: Buffer
  /** Follows the body, where that is cut from a longer one; Content-Length covers both. */
  readonly tail?: Buffer
  /**
   * The body, where it is made while it is sent: `body` is empty then, and the length is not known.
   * Whoever sends it asks for one part after another, and says `return()` when it needs no more.
   */
  readonly stream?: AsyncIterable<Buffer>
  /** The connection is closed after this reply: what follows on it can't be trusted. */
  readonly close: boolean
}

/** A reply that is made before it is asked for, and a count of the requests that it has answered. */
export type ReadyReply = Reply & { readonly tally: Tally }

/** An integer, because it is raised on the hot path; shared by replies that are counted together. */
export type Tally = { requests: number }

export type Body =
  | { readonly kind: 'read'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  /** The client disconnected: nobody is left to answer. */
  | { readonly kind: 'cut-short' }

export type Request = {
  /** In capitals. */
  readonly method: string
  readonly path: string
  /** What follows the question mark, as it came; '' without one. */
  readonly query: string
  /** By lower-case name; a header that came more than once is joined with ', '. */
  header(name: string): string | undefined
  /** At most once, and before the handler first awaits anything: uWebSockets.js forgets it then. */
  body(bytesMax: number): Promise<Body>
  /** Address of the other end; '' when it has gone. Call it before the handler first awaits. */
  remoteAddress(): string
  /** What it is answered with, whatever it asks for: known before its route is. */
  readonly decided?: Reply | undefined
  /** It came as an RPC: what is counted by transport is gRPC's. */
  readonly isRpc?: boolean
  /** Reports how far a write has come that is waited for, before the reply does. */
  readonly progress?: (step: 'acknowledged' | 'applied') => void
}

/** `request`, whose answer is known. */
export const decidedBy = (request: Request, decided: Reply): Request => ({
  method: request.method,
  path: request.path,
  query: request.query,
  header: (name) => request.header(name),
  body: (bytesMax) => request.body(bytesMax),
  remoteAddress: () => request.remoteAddress(),
  decided,
})

/** Asked again for each identical request: the reply as it stands now, or undefined when none does. */
export type ReadySource = () => ReadyReply | undefined

/** A bound on ready replies to one client: past it, `handle` decides. */
export type ReadyLimit = {
  /** Requests that may be answered now. */
  left(): number
  /** So many were answered. */
  take(requests: number): void
}

export type App = {
  /**
   * Where ready-made replies to `GET target` come from, in the form that these two headers ask for;
   * undefined: `handle` decides. Two strings, not a function: a hot request makes no closure. Whoever
   * sends one raises its tally, by 1 for each request.
   */
  ready(target: string, acceptEncoding?: string, ifNoneMatch?: string): ReadySource | undefined
  /** That of the client on a connection whose other end is `peer`; without it there is none. */
  readonly readyLimitOf?: ((peer: string, forwardedFor?: string) => ReadyLimit) | undefined
  /** Name, in lower case, of a header that, unless empty, leaves a request to `handle`. */
  readonly notReadyWith?: string
  /** Never throws, never rejects. */
  handle(request: Request): Reply | Promise<Reply>
  /** Without it no request becomes a WebSocket. */
  readonly webSockets?: WebSocketRoute | undefined
}

export type EngineSettings = {
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  readonly writeStallTimeoutMs: number
  readonly headerBytesMax: number
  /** Limit per process; more are closed at once. */
  readonly connectionsMax: number
  /** Connections that the kernel keeps for us while we are busy. */
  readonly backlog: number
  /** Requests of one connection that may be unanswered; further ones are not read. */
  readonly pipelineMax: number
  /** Requests of this process that may be unanswered, but for one of each connection. */
  readonly pendingMax: number
  /** Bytes that may wait in this process for clients that read slowly. */
  readonly unsentBytesMax: number
  /** Bytes of ready replies as they are sent, in this process. */
  readonly wireBytesMax: number
  /** Undefined: it speaks HTTP as it is. */
  readonly tls?: TlsFiles | undefined
}

/** In PEM. The engines differ in how they take them. */
export type TlsFiles = {
  readonly certFile: string
  readonly keyFile: string
  /** 48 bytes, the same in every process, so that each resumes the others' sessions. */
  readonly ticketKeys: Buffer | undefined
}

/** A body of at least this is sent as it is, from where it lies, and never copied. */
export const largeBytesMin = 512 * 1024

export const lengthOf = ({ body, tail }: Reply): number => body.length + (tail?.length ?? 0)

/** One that is bound already, as net.Server takes it. */
export type BoundSocket = { close(): void }

export type Engine = {
  /**
   * Accepts from `sockets` where there are any, else from one that it opens. Rejects with the system's
   * error (EADDRINUSE, …).
   */
  listen(host: string, port: number, sockets?: readonly BoundSocket[]): Promise<void>
  /**
   * Stops accepting; each connection's next answer is its last, and says so. Connections that stay
   * idle for `idleMs` are closed; whatever is not done after `timeoutMs` is cut.
   */
  drain(timeoutMs: number, idleMs?: number): Promise<void>
  connections(): Connections
}

export type Connections = {
  readonly open: number
  /** So far: ended while an answer was pending, a request pipelined behind it (uWebSockets.js only). */
  readonly lost: number
}

export const createReply = (
  status: number,
  headers: readonly string[],
  body: Buffer | string,
  options: { readonly close: boolean; readonly tail?: Buffer } = { close: false },
): Reply => {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const { tail } = options
  const length = bytes.length + (tail?.length ?? 0)
  const all = [...headers, 'Content-Length', String(length)]
  return tail
    ? { status, headers: all, body: bytes, tail, close: options.close }
    : { status, headers: all, body: bytes, close: options.close }
}

const emptyBody = Buffer.alloc(0)

/** A reply whose body is made while it is sent. Nothing of it is asked for yet. */
export const createStreamed = (
  status: number,
  headers: readonly string[],
  stream: AsyncIterable<Buffer>,
): Reply => ({ status, headers, body: emptyBody, stream, close: false })

export const createReady = (reply: Reply, tally: Tally = { requests: 0 }): ReadyReply => ({
  ...reply,
  tally,
})

/** RFC 9112 §3.2: one Host, a name or an address with or without a port. Node's parser takes any. */
export const isHost = (value: string | undefined): boolean =>
  value !== undefined && /^(?:[A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/.test(value)

/**
 * Path and query of a request target; an absolute-form target (RFC 9112 §3.2.2) loses its origin. Two
 * spellings of one path are one (RFC 3986 §6.2.2): what is encoded for no reason is decoded.
 */
export const splitTarget = (target: string): { path: string; query: string } => {
  const origin = target.startsWith('/') ? undefined : /^https?:\/\/[^/?#]*/i.exec(target)?.[0]
  const local = origin === undefined ? target : target.slice(origin.length)
  const mark = local.indexOf('?')
  const path = mark === -1 ? local : local.slice(0, mark)
  return {
    path: path === '' ? '/' : normalised(path),
    query: mark === -1 ? '' : local.slice(mark + 1),
  }
}

/**
 * Dot segments stay: clients take them out, and a proxy in front that does not would see another path.
 * So do empty ones: `//todos` and `/todos/` are other paths.
 */
const normalised = (path: string): string =>
  path.includes('%') ? path.replace(/%[0-9A-Fa-f]{2}/g, normalisedOctet) : path

const normalisedOctet = (octet: string): string => {
  const character = String.fromCharCode(Number.parseInt(octet.slice(1), 16))
  return /[A-Za-z0-9\-._~]/.test(character) ? character : octet.toUpperCase()
}
