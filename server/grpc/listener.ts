// The port of gRPC: HTTP/2 and HTTP/1.1 on the same one, with or without TLS, each connection and each
// call within bounds. What a client sends can end its connection, never the server.

import { createServer as createHttpServer } from 'node:http'
import {
  constants,
  createSecureServer,
  createServer as createHttp2Server,
  type ServerHttp2Session,
} from 'node:http2'
import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { listenHost } from '../../lib/runtime/listen-host.ts'
import type { BoundSocket } from '../http/engines/engine.ts'
import { closeWhenCalm } from '../http/engines/listener.ts'
import type { GrpcHandler, GrpcResponse } from './handler.ts'
import { tellProtocol } from './protocol.ts'
import { watchSession, type SessionBounds, type WatchedSession } from './sessions.ts'
import { createSlowReaders, type Reader } from './slow-readers.ts'

export type GrpcListenerSettings = SessionBounds & {
  /** PEM; without it there is no TLS. */
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined
  /** Limit per process; more are closed at once. */
  readonly connectionsMax: number
  /** Calls of one connection that may be in flight. */
  readonly streamsMax: number
  readonly headerBytesMax: number
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly writeStallTimeoutMs: number
  readonly unsentBytesMax: number
  readonly backlog: number
}

export type GrpcListener = {
  /** Accepts from `sockets` where there are any, else from one that it opens. */
  listen(host: string, port: number, sockets?: readonly BoundSocket[]): Promise<void>
  /** Stops accepting, lets calls end, and cuts what is not done after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>
  connections(): number
}

/**
 * Streams that a client may reset, in a burst and in a second (CVE-2023-44487): each costs the work of a
 * call, and does not count as one in flight. Node's own are 1,000 and 33.
 */
const resetBurst = 200
const resetsPerSec = 33
/** Frames that are none, until the connection is cut. Node's own: 1,000. */
const invalidFramesMax = 10
/** Fields of one head; their bytes have a bound of their own. */
const headerPairsMax = 100
const checkIntervalMs = 1_000
const drainPollIntervalMs = 20
/** A drain waits so long for the first byte of a connection that is there already. */
const silenceMsMax = 1_000

export const createGrpcListener = (
  settings: GrpcListenerSettings,
  handle: GrpcHandler,
): GrpcListener => {
  const sockets = new Set<Socket>()
  const sessions = new Set<WatchedSession>()
  const slowReaders = createSlowReaders(settings)
  const fronts: NetServer[] = []
  let accepted = 0

  const onRequest: GrpcHandler = (request, response) => {
    if (!('stream' in response)) watchResponse(response)
    // Connect throws at a head without a host, or with one that is none: nobody would catch it.
    try {
      handle(request, response)
    } catch {
      refuse(response)
    }
  }
  const watchResponse = (response: Exclude<GrpcResponse, { stream: unknown }>) => {
    const { socket } = response
    if (!socket) return
    const reader: Reader = {
      waiting: () => socket.writableLength,
      sent: () => socket.bytesWritten - socket.writableLength,
      cut: () => socket.destroy(),
    }
    slowReaders.add(reader)
    response.once('close', () => slowReaders.remove(reader))
  }
  const onSession = (session: ServerHttp2Session) => {
    const watched = watchSession(session, settings)
    sessions.add(watched)
    slowReaders.add(watched.reader)
    session.once('close', () => {
      sessions.delete(watched)
      slowReaders.remove(watched.reader)
    })
  }
  const check = () => {
    const nowMs = performance.now()
    for (const session of sessions) session.check(nowMs)
    slowReaders.check(nowMs)
  }
  const checking = setInterval(check, checkIntervalMs).unref()

  const http1 = createHttpServer(http1Options(settings), onRequest)
  // Node arms its timeouts on this event, and this server is given connections that others accept.
  http1.emit('listening')
  const http2 = createHttp2(settings, onRequest)
  http2.on('session', onSession)
  // Each of these ends one connection, and that is all there is to do.
  for (const name of ['sessionError', 'clientError', 'tlsClientError']) http2.on(name, () => {})

  const accept = (socket: Socket) => {
    accepted++
    if (sockets.size >= settings.connectionsMax) {
      socket.destroy()
      return
    }
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    if (settings.tls) {
      http2.emit('connection', socket)
      return
    }
    tellProtocol(socket, settings.headersTimeoutMs, (protocol) =>
      (protocol === 'h2' ? http2 : http1).emit('connection', socket),
    )
  }
  const listen = (where: (front: NetServer, onListening: () => void) => void) =>
    new Promise<void>((resolve, reject) => {
      const front = createServer({ noDelay: true }, accept)
      fronts.push(front)
      front.once('error', reject)
      where(front, resolve)
    })

  return {
    async listen(host, port, bound = []) {
      const { backlog } = settings
      if (bound.length === 0) {
        await listen((front, done) => front.listen({ ...listenHost(host), port, backlog }, done))
        return
      }
      await Promise.all(
        bound.map((socket) => listen((front, done) => front.listen(socket, backlog, done))),
      )
    },
    async drain(timeoutMs) {
      const startedMs = performance.now()
      let closed: Promise<unknown> = Promise.resolve()
      await closeWhenCalm(
        () => {
          closed = Promise.all(fronts.map(closeFront))
        },
        () => accepted,
      )
      for (const session of sessions) session.announceEnd()
      const closeMore = () => {
        for (const session of sessions) session.end()
        http1.closeIdleConnections()
        const elapsedMs = performance.now() - startedMs
        for (const socket of sockets) {
          const isSilent = socket.bytesRead === 0 && elapsedMs >= silenceMsMax
          if (isSilent || elapsedMs >= timeoutMs) socket.destroy()
        }
      }
      const polling = setInterval(closeMore, drainPollIntervalMs)
      await closed
      clearInterval(polling)
      clearInterval(checking)
      http1.close()
    },
    connections: () => sockets.size,
  }
}

const closeFront = (front: NetServer) => new Promise((resolve) => front.close(resolve))

const http1Options = (settings: GrpcListenerSettings) => ({
  headersTimeout: settings.headersTimeoutMs,
  requestTimeout: settings.requestTimeoutMs,
  keepAliveTimeout: settings.idleTimeoutMs,
  maxHeaderSize: settings.headerBytesMax,
  connectionsCheckingInterval: checkIntervalMs,
})

const createHttp2 = (settings: GrpcListenerSettings, handle: GrpcHandler) => {
  const options = {
    maxHeaderListPairs: headerPairsMax,
    maxSessionInvalidFrames: invalidFramesMax,
    streamResetBurst: resetBurst,
    streamResetRate: resetsPerSec,
    settings: {
      maxConcurrentStreams: settings.streamsMax,
      maxHeaderListSize: settings.headerBytesMax,
      enablePush: false,
    },
  }
  const { tls } = settings
  if (!tls) return createHttp2Server(options, handle)
  const secure = {
    ...options,
    ...http1Options(settings),
    cert: tls.cert,
    key: tls.key,
    allowHTTP1: true,
    handshakeTimeout: settings.headersTimeoutMs,
  }
  return createSecureServer(secure, handle)
}

const refuse = (response: GrpcResponse) => {
  if (!('stream' in response)) response.writeHead(400).end()
  else if (!response.stream.destroyed) response.stream.close(constants.NGHTTP2_PROTOCOL_ERROR)
}
