// The engine on raw node:http: the default. Correct under torn packets and pending replies, and one
// port shared by all forks through node:cluster on every platform.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { splitTarget, type App, type Body, type Engine, type Reply } from './engine.ts'

/** Longer than a proxy keeps idle connections (Nginx: 60 s), else it meets resets. */
const keepAliveTimeoutMs = 75_000
const headersTimeoutMs = 10_000
const requestTimeoutMs = 30_000

export const createNodeEngine = (app: App): Engine => {
  let draining = false
  let inFlight = 0
  let onQuiet = () => {}

  const server = createServer(
    {
      keepAliveTimeout: keepAliveTimeoutMs,
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      const ready = request.method === 'GET' ? app.ready(request.url as string) : undefined
      if (ready) write(response, ready)
      else void answer(request, response)
    },
  )
  server.on('clientError', rejectMalformed)

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    inFlight++
    try {
      write(response, await app.handle(toRequest(request)))
    } finally {
      inFlight--
      if (inFlight === 0) onQuiet()
    }
  }

  const write = (response: ServerResponse, reply: Reply) => {
    if (reply.close || draining) response.shouldKeepAlive = false
    response.writeHead(reply.status, reply.headers as string[])
    response.end(reply.body)
  }

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, () => resolve())
      }),
    async drain(timeoutMs) {
      draining = true
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      const quiet = new Promise<void>((resolve) => (onQuiet = resolve))
      server.closeIdleConnections()
      const deadline = setTimeout(() => server.closeAllConnections(), timeoutMs)
      if (inFlight > 0) await quiet
      server.closeIdleConnections()
      await closed
      clearTimeout(deadline)
    },
  }
}

const toRequest = (request: IncomingMessage) => {
  const { path, query } = splitTarget(request.url as string)
  return {
    method: request.method as string,
    path,
    query,
    header: (name: string) => findHeader(request.rawHeaders, name),
    body: (bytesMax: number) => readBody(request, bytesMax),
  }
}

// `request.headers` keeps the first of two Authorization headers; both engines must see both.
const findHeader = (rawHeaders: readonly string[], name: string): string | undefined => {
  let found: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() !== name) continue
    const value = rawHeaders[i + 1] as string
    found = found === undefined ? value : `${found}, ${value}`
  }
  return found
}

const readBody = (request: IncomingMessage, bytesMax: number): Promise<Body> =>
  new Promise((resolve) => {
    if (Number(request.headers['content-length'] ?? 0) > bytesMax) {
      resolve({ kind: 'too-large' })
      return
    }
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= bytesMax) chunks.push(chunk)
      else resolve({ kind: 'too-large' })
    })
    request.on('end', () => resolve({ kind: 'read', bytes: Buffer.concat(chunks) }))
    request.on('close', () => resolve({ kind: 'cut-short' }))
  })

/** What node's parser refuses never reaches the application: say so as it would. */
const rejectMalformed = (error: NodeJS.ErrnoException, socket: Socket) => {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const [status, title] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'Request Header Fields Too Large']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'Request Timeout']
        : [400, 'Bad Request']
  const body = JSON.stringify({ type: 'about:blank', title, status })
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
