// The engine on raw node:http, with the fast path in front: the default. Correct under torn packets
// and pending replies, and it accepts from sockets that its primary keeps.

import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import { readFileSync } from 'node:fs'
import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import { listenHost } from '../../../../lib/runtime/listen-host.ts'
import { Problem } from '../../problem.ts'
import { badHost, headTooLarge, malformed, noTunnel, tooSlow, unexpected } from '../../problems.ts'
import {
  isHost,
  lengthOf,
  splitTarget,
  type App,
  type Body,
  type Engine,
  type EngineSettings,
  type Reply,
  type Request,
  type TlsFiles,
} from '../engine.ts'
import { closeWhenCalm } from '../listener.ts'
import type { Begun } from './exchange.ts'
import { createFastConnection } from './fast-path.ts'
import { decryptInPlace, readInPlace, type InPlaceSocket } from './in-place-socket.ts'
import { abandon, sendStream, type Sink } from '../send-stream.ts'
import { createPipeline, type Pending, type Pipeline } from './pipeline.ts'
import { plainHeadBytesMax } from './plain-request.ts'
import { watchSockets } from './socket-watch.ts'
import { createUnsent, type Unsent } from '../unsent.ts'
import { createUpgrades } from './web-sockets.ts'
import { createWires } from './wire.ts'

export const createNodeEngine = (app: App, settings: EngineSettings): Engine => {
  let draining = false
  const isDraining = () => draining
  const wires = createWires(settings.keepAliveTimeoutMs, settings.wireBytesMax)
  const unsent = createUnsent(settings.unsentBytesMax)
  const pipeline = createPipeline(settings)
  // Never listens: it is given the sockets that the fast path does not keep.
  const parser = createParser(app, settings, isDraining, pipeline, unsent)
  const watch = watchSockets(settings)
  /** No answer reaches their clients yet. */
  const shakingHands = new WeakSet<Socket>()
  const parts = {
    app,
    headBytesMax: Math.min(settings.headerBytesMax, plainHeadBytesMax),
    wires,
    unsent,
    isDraining,
    reject: (error: NodeJS.ErrnoException, socket: Socket) =>
      shakingHands.has(socket) ? socket.destroy() : rejectMalformed(error, socket),
    handOver(inPlace: InPlaceSocket, first: Buffer, begun?: Begun) {
      const { socket } = inPlace
      socket.destroySoon = () => closeInStages(socket)
      parser.emit('connection', socket)
      pipeline.feed(inPlace, first, begun)
    },
  }
  const secureContext = settings.tls && createContext(settings.tls)
  let accepted = 0
  /** One for each socket that it accepts from. */
  const fronts: NetServer[] = []
  const accept = (connection: Socket) => {
    accepted++
    if (watch.count() >= settings.connectionsMax) {
      connection.destroy()
      return
    }
    const inPlace = secureContext
      ? decryptInPlace(connection, secureContext)
      : readInPlace(connection)
    const { socket } = inPlace
    if (secureContext) {
      shakingHands.add(socket)
      socket.once('secure', () => shakingHands.delete(socket))
    }
    socket.on('error', () => socket.destroy())
    watch.add(socket)
    watch.own(
      socket,
      createFastConnection(inPlace, parts, () => watch.disown(socket)),
    )
  }
  const listen = (where: (front: NetServer, onListening: () => void) => void) =>
    new Promise<void>((resolve, reject) => {
      const front = createServer(
        { pauseOnConnect: true, noDelay: true, allowHalfOpen: secureContext !== undefined },
        accept,
      )
      fronts.push(front)
      front.once('error', reject)
      where(front, resolve)
    })

  return {
    async listen(host, port, sockets = []) {
      const { backlog } = settings
      if (sockets.length === 0) {
        await listen((front, done) => front.listen({ ...listenHost(host), port, backlog }, done))
        return
      }
      // Not a share each: where many come at once, one socket's would overflow, and those wait a second.
      await Promise.all(
        sockets.map((socket) => listen((front, done) => front.listen(socket, backlog, done))),
      )
    },
    async drain(timeoutMs, idleMs = 0) {
      draining = true
      const startedMs = performance.now()
      const hasGoneQuiet = createLingering()
      let closed = Promise.resolve()
      await closeWhenCalm(
        () => {
          closed = closeAll(fronts)
        },
        () => accepted,
      )
      const closeMore = () => {
        const elapsedMs = performance.now() - startedMs
        for (const socket of watch.sockets())
          if (elapsedMs >= timeoutMs || hasGoneQuiet(socket, elapsedMs)) socket.destroy()
        if (elapsedMs >= idleMs) closeIdle()
      }
      const closeIdle = () => {
        // Who shakes hands has its first request ready, and takes longer to send it than who just sends.
        for (const connection of watch.owned())
          if (!shakingHands.has(connection.socket)) connection.closeIfIdle()
        // Node takes a connection whose last answer is still on its way for idle, and would cut it; and
        // one whose next request it has not been given.
        const isBusy = [...watch.sockets()].some(
          (socket) => socket.writableLength > 0 || pipeline.hasMore(socket),
        )
        if (!isBusy) parser.closeIdleConnections()
      }
      closeMore()
      const polling = setInterval(closeMore, drainPollIntervalMs)
      await closed
      clearInterval(polling)
      watch.stop()
      wires.stop()
      parser.close()
    },
    connections: () => ({ open: watch.count(), lost: 0 }),
  }
}

/** RFC 9325: nothing below TLS 1.2, and there only what has forward secrecy and is authenticated. */
const createContext = ({ certFile, keyFile, ticketKeys }: TlsFiles) =>
  createSecureContext({
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    minVersion: 'TLSv1.2',
    ciphers:
      'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE+AESGCM:ECDHE+CHACHA20',
    honorCipherOrder: true,
    sessionIdContext: 'todos',
    ...(ticketKeys && { ticketKeys }),
  })

const drainPollIntervalMs = 20
/** Browsers keep a connection that we have closed until they need it again: they do not hold a drain. */
const lingerMs = 1_000

/** Whether we have sent all that we will, and nothing has come from the client for so long. */
const createLingering = () => {
  const quiet = new WeakMap<Socket, { bytesRead: number; sinceMs: number }>()
  return (socket: Socket, nowMs: number): boolean => {
    if (!socket.writableFinished) return false
    const { bytesRead } = socket
    const known = quiet.get(socket)
    if (known?.bytesRead === bytesRead) return nowMs - known.sinceMs >= lingerMs
    quiet.set(socket, { bytesRead, sinceMs: nowMs })
    return false
  }
}

/** Resolves when their connections have ended, too. */
const closeAll = async (fronts: readonly NetServer[]): Promise<void> => {
  await Promise.all(fronts.map((front) => new Promise((resolve) => front.close(resolve))))
}

/**
 * RFC 9112 section 9.6: a close with input unread is a reset, which may overtake the last answer. So
 * only our half is closed, what still comes is read and dropped, and the client closes the rest.
 * Who does not is cut off by the watch.
 */
export const closeInStages = (socket: Socket) => {
  socket.end()
  socket.resume()
}

/** Plain node:http with the application behind it: what the fast path must be equal to. */
export const createParser = (
  app: App,
  settings: EngineSettings,
  isDraining: () => boolean,
  pipeline: Pipeline = createPipeline(settings),
  unsent: Unsent = createUnsent(settings.unsentBytesMax),
): HttpServer => {
  const { notReadyWith, readyLimitOf } = app
  /** Connections whose input is broken, and why: reported behind the last answer to a whole request. */
  const broken = new WeakMap<Socket, NodeJS.ErrnoException>()
  /** Connections that got `Connection: close`. */
  const notifiedOfClose = new WeakSet<Socket>()

  /** Undefined when it gets none. */
  const expectAnswer = (
    request: IncomingMessage,
    response: ServerResponse,
  ): Pending | undefined => {
    const { socket } = request
    if (notifiedOfClose.has(socket)) {
      // The client may repeat it elsewhere, for it got notice (RFC 9112 section 9.6): it must not have
      // had an effect here.
      request.resume()
      return undefined
    }
    const bodyBytes = Number(findHeader(request.rawHeaders, 'content-length') ?? 0)
    const pending = pipeline.begin(request, bodyBytes)
    response.once('close', () => {
      pending.end()
      const error = broken.get(socket)
      if (error && !pipeline.awaitsAnswer(socket)) rejectMalformed(error, socket)
    })
    return pending
  }
  const write = (response: ServerResponse, pending: Pending, reply: Reply) => {
    const { req } = response
    // Broken half way, before it was answered: what it gets is the 400.
    if (!req.complete && broken.has(req.socket)) {
      abandon(reply)
      return
    }
    // Else a client that always has another request on its way would be cut when the drain ends.
    if (isDraining()) pipeline.leave(req.socket)
    // Closing, its answer is the last; draining, that of the newest is.
    if (reply.close || (isDraining() && pipeline.isLast(req))) {
      response.shouldKeepAlive = false
      notifiedOfClose.add(req.socket)
      pipeline.drop(req.socket)
    }
    pending.answeredWith(lengthOf(reply))
    if (reply.status === 429) pending.slowDown()
    response.writeHead(reply.status, reply.headers as string[])
    if (reply.stream && req.method !== 'HEAD') {
      stream(response, reply.stream)
      return
    }
    if (reply.tail) {
      response.write(reply.body)
      response.end(reply.tail)
    } else response.end(reply.body)
    // Behind an answer that is due it waits here, too.
    if (!response.writableFinished) hold(response, reply.body)
  }
  /** By connection: when it closes, node forgets the answers that wait behind another. */
  const closings = new WeakMap<Socket, Set<() => void>>()
  const closingsOf = (socket: Socket): Set<() => void> => {
    const known = closings.get(socket)
    if (known) return known
    const waiting = new Set<() => void>()
    closings.set(socket, waiting)
    socket.once('close', () => {
      for (const letGo of waiting) letGo()
    })
    return waiting
  }
  /** `letGo` is called when the answer has left, or its connection is closed. */
  const whenClosed = (response: ServerResponse, letGo: () => void) => {
    const waiting = closingsOf(response.req.socket)
    waiting.add(letGo)
    response.once('close', () => {
      waiting.delete(letGo)
      letGo()
    })
  }
  // Each answer by itself: a client that pipelines all the time reads each, and is never done with all.
  const hold = (response: ServerResponse, body: Buffer) => {
    const { socket } = response.req
    const holder = {
      isDone: () => socket.destroyed || response.writableFinished,
      cut: () => socket.destroy(),
    }
    unsent.hold(holder, body)
    whenClosed(response, () => unsent.release(holder))
  }
  // Without a Content-Length node sends it in chunks; to HTTP/1.0, until the connection closes.
  const stream = (response: ServerResponse, parts: AsyncIterable<Buffer>) => {
    const { socket, httpVersion } = response.req
    const sink: Sink = {
      // Behind another answer, it is taken when its turn has come.
      write(part, onTaken) {
        response.write(part, () => onTaken())
        return response.socket !== null && socket.writableLength === 0
      },
      end: () => response.end(),
      // To HTTP/1.0 a close says that the body is complete; a reset does not.
      // Encrypted, it is the close without a last word (close_notify) that says so.
      cut: () =>
        httpVersion === '1.0' && !(socket instanceof TLSSocket)
          ? socket.resetAndDestroy()
          : socket.destroy(),
    }
    const { gone } = sendStream(parts, sink, unsent)
    if (socket.destroyed) gone()
    else whenClosed(response, gone)
  }
  const upgrades =
    app.webSockets &&
    createUpgrades({
      route: app.webSockets,
      toRequest: (incoming) => toRequest(incoming, undefined),
      awaitsAnswer: pipeline.awaitsAnswer,
      release: pipeline.release,
    })
  const server = createHttpServer(
    {
      ...(upgrades && { IncomingMessage: upgrades.Incoming }),
      keepAliveTimeout: settings.keepAliveTimeoutMs,
      headersTimeout: settings.headersTimeoutMs,
      requestTimeout: settings.requestTimeoutMs,
      maxHeaderSize: settings.headerBytesMax,
      connectionsCheckingInterval: 1_000,
      requireHostHeader: false, // checked below, to say what is wrong
    },
    (request, response) => {
      const pending = expectAnswer(request, response)
      if (!pending) return
      const begun = pipeline.takeBegun(request.socket)
      if (begun) {
        begun.readBodyWith((bytesMax) => readBody(request, bytesMax))
        void Promise.resolve(begun.reply).then((reply) => write(response, pending, reply))
        return
      }
      const { rawHeaders, method } = request
      const host = findHeader(rawHeaders, 'host')
      const refused = !isHost(host) && (host !== undefined || request.httpVersion === '1.1')
      const ready =
        method === 'GET' &&
        !refused &&
        !(notReadyWith !== undefined && findHeader(rawHeaders, notReadyWith))
          ? app.ready(
              request.url as string,
              findHeader(rawHeaders, 'accept-encoding'),
              findHeader(rawHeaders, 'if-none-match'),
            )?.()
          : undefined
      const limit =
        ready &&
        readyLimitOf?.(
          request.socket.remoteAddress ?? '',
          findHeader(rawHeaders, 'x-forwarded-for'),
        )
      if (ready && (!limit || limit.left() > 0)) {
        ready.tally.requests++
        limit?.take(1)
        // Draining, only after all that came with it is parsed: the answer to the last one closes.
        if (isDraining()) queueMicrotask(() => write(response, pending, ready))
        else write(response, pending, ready)
        return
      }
      const asked = toRequest(request, refused ? badHostReply : undefined)
      void Promise.resolve(app.handle(asked)).then((reply) => write(response, pending, reply))
    },
  )
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const pending = expectAnswer(request, response)
    if (pending) write(response, pending, unexpectedReply)
  })
  const refuse = (error: NodeJS.ErrnoException, socket: Socket) => {
    if (broken.has(socket)) return // said once, however much more of it comes
    broken.set(socket, error)
    pipeline.drop(socket)
    // In front of answers that are due, this one would be read as theirs.
    if (!pipeline.awaitsAnswer(socket)) rejectMalformed(error, socket)
  }
  server.on('clientError', (error, socket) => refuse(error, socket as unknown as Socket))
  // With nobody listening, node cuts the connection, and with it the answers that are on their way.
  server.on('connect', (_, stream) => {
    const socket = stream as unknown as Socket
    socket.resume() // node has left it: unread, its end would not be seen
    refuse(Object.assign(new Error(), { code: connectRefused }), socket)
  })
  // Any other Upgrade is ignored, and all that comes with it is answered (RFC 9110 section 7.8).
  upgrades?.serve(server)
  // By default node drops the headers past 1,000 and says nothing, an Authorization among them: the
  // size of the head is the bound.
  server.maxHeadersCount = 0
  // Node arms headersTimeout and requestTimeout on this event: without it they never run out.
  server.emit('listening')
  return server
}

const toRequest = (request: IncomingMessage, decided: Reply | undefined): Request => ({
  method: request.method as string,
  ...splitTarget(request.url as string),
  header: (name: string) => findHeader(request.rawHeaders, name),
  body: (bytesMax: number) => readBody(request, bytesMax),
  remoteAddress: () => request.socket.remoteAddress ?? '',
  ...(decided && { decided }),
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

const connectRefused = 'CONNECT_REFUSED'
const malformedProblem = new Problem(malformed)
const badHostReply = new Problem(badHost).reply
const unexpectedReply = new Problem(unexpected).reply
const refusals: ReadonlyMap<string | undefined, Problem> = new Map([
  ['HPE_HEADER_OVERFLOW', new Problem(headTooLarge)],
  ['ERR_HTTP_REQUEST_TIMEOUT', new Problem(tooSlow)],
  [connectRefused, new Problem(noTunnel)],
])

/** What node's parser refuses never reaches the application: answered here, and closed. */
export const rejectMalformed = (error: NodeJS.ErrnoException, socket: Socket) => {
  if (error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  // Ended already, by an answer that says Connection: close: what follows nobody reads, and what is
  // still on its way to the client must get there.
  if (!socket.writable) return
  const { reply } = refusals.get(error.code) ?? malformedProblem
  const head = `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status]}\r\nConnection: close\r\n`
  let lines = ''
  for (let i = 0; i < reply.headers.length; i += 2) {
    lines += `${reply.headers[i]}: ${reply.headers[i + 1]}\r\n`
  }
  socket.end(Buffer.concat([Buffer.from(`${head}${lines}\r\n`), reply.body]))
}
