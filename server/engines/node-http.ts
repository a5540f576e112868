// The engine on raw node:http, with the fast path in front: the default. Correct under torn packets
// and pending replies, and one port shared by all forks through node:cluster on every platform.

import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http'
import { createServer, type Socket } from 'node:net'
import {
  splitTarget,
  type App,
  type Body,
  type Engine,
  type EngineSettings,
  type Reply,
} from './engine.ts'
import { createFastConnection } from './fast-path.ts'
import { watchSockets } from './socket-watch.ts'
import { createWires } from './wire.ts'

export const createNodeEngine = (app: App, settings: EngineSettings): Engine => {
  let draining = false
  const isDraining = () => draining
  const wires = createWires(settings.keepAliveTimeoutMs)
  // Never listens: it is given the sockets that the fast path does not keep.
  const parser = createParser(app, settings, isDraining)
  const watch = watchSockets(settings, (socket) => {
    rejectMalformed(Object.assign(new Error(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket)
  })
  const parts = {
    ...{ app, wires, isDraining, reject: rejectMalformed },
    handOver: (socket: Socket) => parser.emit('connection', socket),
  }
  const front = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    watch.add(socket)
    watch.own(
      socket,
      createFastConnection(socket, parts, () => watch.disown(socket)),
    )
  })
  front.maxConnections = settings.connectionsMax

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        front.once('error', reject)
        front.listen({ host, port, backlog: settings.backlog }, () => resolve())
      }),
    async drain(timeoutMs) {
      draining = true
      const closed = new Promise<void>((resolve) => front.close(() => resolve()))
      // What is idle is closed now; what is in flight says Connection: close with its answer.
      for (const connection of watch.owned()) connection.closeIfIdle()
      parser.closeIdleConnections()
      const deadline = setTimeout(() => {
        for (const socket of watch.sockets()) socket.destroy()
      }, timeoutMs)
      await closed
      clearTimeout(deadline)
      watch.stop()
      wires.stop()
      parser.close()
    },
  }
}

/** Plain node:http with the application behind it: what the fast path must be equal to. */
export const createParser = (
  app: App,
  settings: EngineSettings,
  isDraining: () => boolean,
): HttpServer => {
  const write = (response: ServerResponse, reply: Reply) => {
    if (reply.close || isDraining()) response.shouldKeepAlive = false
    response.writeHead(reply.status, reply.headers as string[])
    response.end(reply.body)
  }
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    write(response, await app.handle(toRequest(request)))
  }
  const server = createHttpServer(
    {
      keepAliveTimeout: settings.keepAliveTimeoutMs,
      headersTimeout: settings.headersTimeoutMs,
      requestTimeout: settings.requestTimeoutMs,
      maxHeaderSize: settings.headerBytesMax,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      const header = (name: string) => findHeader(request.rawHeaders, name)
      const target = request.url as string
      const ready = request.method === 'GET' ? app.ready(target, header)?.() : undefined
      if (ready) write(response, ready)
      else void answer(request, response)
    },
  )
  server.on('clientError', rejectMalformed)
  // Node arms headersTimeout and requestTimeout on this event: without it they never run out.
  server.emit('listening')
  return server
}

const toRequest = (request: IncomingMessage) => ({
  method: request.method as string,
  ...splitTarget(request.url as string),
  header: (name: string) => findHeader(request.rawHeaders, name),
  body: (bytesMax: number) => readBody(request, bytesMax),
})

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
export const rejectMalformed = (error: NodeJS.ErrnoException, socket: Socket) => {
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
