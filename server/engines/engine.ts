// The seam between HTTP on the wire and the application. An engine knows nothing of todos; the
// application knows nothing of sockets. Both engines give the same bytes for the same reply.

export type Reply = {
  readonly status: number
  /** Name, value, name, value, …; complete but for Date and Connection, which are the engine's. */
  readonly headers: readonly string[]
  readonly body: Buffer
  /** The connection is closed after this reply: what follows on it can't be trusted. */
  readonly close: boolean
}

export type Body =
  | { readonly kind: 'read'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  /** The client went away: nobody is left to answer. */
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
}

export type App = {
  /** A ready-made reply to GET `target`, or undefined: then `handle` decides. Called per request. */
  ready(target: string): Reply | undefined
  /** Never throws, never rejects. */
  handle(request: Request): Reply | Promise<Reply>
}

export type Engine = {
  /** Rejects with the system's error (EADDRINUSE, …). */
  listen(host: string, port: number): Promise<void>
  /** Stops accepting, lets requests in flight finish for up to `timeoutMs`, then cuts the rest. */
  drain(timeoutMs: number): Promise<void>
}

export const createReply = (
  status: number,
  headers: readonly string[],
  body: Buffer | string,
  options: { close: boolean } = { close: false },
): Reply => {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  return {
    status,
    headers: [...headers, 'Content-Length', String(bytes.length)],
    body: bytes,
    close: options.close,
  }
}

/** Path and query of a request target; an absolute-form target (RFC 9112 §3.2.2) loses its origin. */
export const splitTarget = (target: string): { path: string; query: string } => {
  const origin = target.startsWith('/') ? undefined : /^https?:\/\/[^/?#]*/i.exec(target)?.[0]
  const local = origin === undefined ? target : target.slice(origin.length)
  const mark = local.indexOf('?')
  const path = mark === -1 ? local : local.slice(0, mark)
  return { path: path === '' ? '/' : path, query: mark === -1 ? '' : local.slice(mark + 1) }
}
