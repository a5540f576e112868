// The engine on uWebSockets.js: least CPU for plain keep-alive clients. Same routes, same bytes as
// node-http.ts, which reads side by side with this file. What its binary gets wrong is reported by
// self-test.ts and docs/explanation/engines.md.

import { STATUS_CODES } from 'node:http'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import { everyAddress } from '../../../../lib/runtime/listen-host.ts'
import type { Log } from '../../../../lib/runtime/log.ts'
import type { HttpRequest, HttpResponse, us_listen_socket } from 'uWebSockets.js'
import {
  largeBytesMin,
  lengthOf,
  type App,
  type Engine,
  type EngineSettings,
  type ReadyReply,
  type Reply,
} from '../engine.ts'
import { closeWhenCalm } from '../listener.ts'
import { abandon, sendStream } from '../send-stream.ts'
import { loadUws } from './load.ts'
import { createUnsent } from '../unsent.ts'
import { createCorkLevel, endCorked } from './cork.ts'
import { peerOf, UwsRequest } from './request.ts'
import { createSink } from './sink.ts'
import { countedBytesMin, createUnsentBound, sendAsItDrains } from './unsent.ts'
import { addWebSockets } from './web-sockets.ts'

export const createUwsEngine = async (
  app: App,
  /** The other settings it can't keep: its binary has timeouts and a header limit of its own. */
  {
    connectionsMax,
    unsentBytesMax,
    tls,
  }: Pick<EngineSettings, 'connectionsMax' | 'unsentBytesMax' | 'tls'>,
  log: Log,
): Promise<Engine> => {
  const uws = await loadUws()
  const { notReadyWith, readyLimitOf } = app
  let draining = false
  let inFlight = 0
  /** Connections that ended while their answer was pending. */
  let lost = 0
  /** Connections that opened or closed and requests that came: what the loop had to do. */
  let events = 0
  let listening: us_listen_socket | undefined

  const buffered = createUnsentBound()
  const corkLevel = createCorkLevel()
  const unsent = createUnsent(unsentBytesMax)
  const server = tls
    ? uws.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile })
    : uws.App()
  let connections = 0
  // Told of every connection that opens (1) and closes (-1).
  server.filter((response, change: number) => {
    connections += change
    events++
    if (connections > connectionsMax) response.close()
  })
  if (app.webSockets)
    addWebSockets(server, {
      route: app.webSockets,
      answer: (response, request) => answer(response, request),
      targetOf,
      // Once it is one, the filter is not told of its end.
      onClosed() {
        connections--
      },
    })
  server.any('/*', (response, request) => {
    events++
    const method = request.getCaseSensitiveMethod()
    const target = targetOf(request)
    const ready =
      method === 'GET' && (notReadyWith === undefined || request.getHeader(notReadyWith) === '')
        ? app.ready(
            target,
            request.getHeader('accept-encoding') || undefined,
            ifNoneMatchOf(request),
          )?.()
        : undefined
    const limit = ready && readyLimitOf?.(peerOf(response), request.getHeader('x-forwarded-for'))
    if (ready && (!limit || limit.left() > 0)) {
      ready.tally.requests++
      limit?.take(1)
      write(response, ready, method, readyHeadOf(ready))
    } else answer(response, new UwsRequest(response, request, method, target))
  })

  const answer = (response: HttpResponse, request: UwsRequest) => {
    inFlight++
    const reply = app.handle(request)
    if (reply instanceof Promise) void reply.then((settled) => respond(response, request, settled))
    else respond(response, request, reply)
  }

  const respond = (response: HttpResponse, request: UwsRequest, reply: Reply) => {
    if (request.isAborted) abandon(reply)
    else if (reply.stream && request.method !== 'HEAD') {
      void stream(response, reply, reply.stream, request).then(() => answered(request))
      return
    } else write(response, reply, request.method)
    answered(request)
  }

  const answered = ({ isAborted }: UwsRequest) => {
    inFlight--
    if (isAborted) countLost()
  }

  // uWS closes a connection on which a request arrives while an answer is pending, and does not report
  // that from a client that left: said once, counted always.
  const countLost = () => {
    lost++
    if (lost > 1) return
    log.warn(
      { lost },
      'a connection ended while its answer was pending: uWebSockets.js closes those on which another request is pipelined; HTTP_ENGINE=node answers both',
    )
  }

  // uWS batches what is written inside cork(), up to 16 KiB; outside it every status line, header
  // and body is a send() of its own. One closure for all replies: cork() runs it at once.
  let corked: { response: HttpResponse; reply: Reply; method: string; head: Head }
  const writeCorked = () => {
    const { response, reply, method, head } = corked
    writeHead(response, head)
    const isSafe = method === 'GET' || method === 'HEAD'
    const close = reply.close || (draining && !isSafe)
    // uWS closes with input unread: a reset, that may overtake the answers to what is pipelined. So
    // here the client is to close, and who does not is cut when the drain ends.
    if (draining && !close) response.writeHeader('Connection', 'close')
    const isBodiless = method === 'HEAD' || hasNoBody(reply)
    const headBytes = close || draining ? head.bytes + closeBytes : head.bytes
    const fits = corkLevel.takes(headBytes, isBodiless ? 0 : lengthOf(reply))
    if (isBodiless) endWithoutBody(response, reply, method, close)
    else if (lengthOf(reply) < countedBytesMin && !close) {
      if (endCorked(response, reply.body, (bytes) => fits && buffered.allows(bytes))) return
      response.onAborted(countLost)
      response.close()
    } else {
      // Under backpressure the bundled build takes end() for unanswered, and ends the process.
      let onAborted = () => {}
      response.onAborted(() => onAborted())
      // It copies what a socket does not take: a large one is never handed over whole.
      if (lengthOf(reply) < largeBytesMin && buffered.allows(reply.body.length))
        response.end(reply.body, close)
      else onAborted = sendAsItDrains(response, reply, unsent).onAborted
    }
  }
  const stream = async (
    response: HttpResponse,
    reply: Reply,
    parts: AsyncIterable<Buffer>,
    request: UwsRequest,
  ): Promise<void> => {
    // The cork of the read that it came with is sent then: what does not fit behind others in it may be lost.
    await nextTurn()
    if (request.isAborted) return abandon(reply)
    response.cork(() => {
      writeHead(response, headOf(reply))
      // It is for the client to close, as above.
      if (reply.close || draining) response.writeHeader('Connection', 'close')
    })
    const { gone, over } = sendStream(parts, createSink(response), unsent)
    request.whenAborted(gone)
    await over
  }
  const write = (response: HttpResponse, reply: Reply, method: string, head = headOf(reply)) => {
    corked = { response, reply, method, head }
    response.cork(writeCorked)
  }

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        const onListening = (socket: us_listen_socket | false) => {
          if (!socket) {
            reject(new Error(`can't listen on ${host}:${port}`))
            return
          }
          listening = socket
          resolve()
        }
        if (host === everyAddress) server.listen(port, onListening)
        else server.listen(host, port, onListening)
      }),
    async drain(timeoutMs, idleMs = 0) {
      draining = true
      const startedMs = performance.now()
      const isWithin = (ms: number) => performance.now() - startedMs < ms
      const socket = listening
      if (socket)
        await closeWhenCalm(
          () => uws.us_listen_socket_close(socket),
          () => events,
        )
      // It does not report which connections are idle, nor what it has not sent yet.
      while (connections > 0 && isWithin(timeoutMs) && (inFlight > 0 || isWithin(idleMs))) {
        await delay(drainPollIntervalMs)
      }
      if (lost > 0) log.warn({ lost }, 'connections that ended while their answer was pending')
      server.close()
    },
    connections: () => ({ open: connections, lost }),
  }
}

const drainPollIntervalMs = 10

/** A reply's head as uWS takes it: one call for all headers, for each call copies across from V8. */
type Head = {
  readonly status: string
  readonly name: string
  readonly value: string
  /** On the wire, with what uWS adds to it. */
  readonly bytes: number
}

const ok = '200 OK'

const writeHead = (response: HttpResponse, { status, name, value }: Head) => {
  // uWS says 200 by itself: one call less on the hot path.
  if (status !== ok) response.writeStatus(status)
  if (name !== '') response.writeHeader(name, value)
}

const headOf = (reply: Reply): Head => {
  const { headers } = reply
  let name = ''
  let value = ''
  for (let i = 0; i < headers.length; i += 2) {
    // end() writes this one itself.
    if (headers[i] === 'Content-Length') continue
    if (name === '') {
      name = headers[i] ?? ''
      value = headers[i + 1] ?? ''
    } else value += `\r\n${headers[i]}: ${headers[i + 1]}`
  }
  const status = reply.status === 200 ? ok : `${reply.status} ${STATUS_CODES[reply.status]}`
  return { status, name, value, bytes: bytesOf(status, name, value, reply) }
}

const bytesOf = (status: string, name: string, value: string, reply: Reply): number =>
  addedBytes +
  status.length +
  (name === '' ? 0 : name.length + value.length + ': \r\n'.length) +
  (hasNoBody(reply) ? 0 : 'Content-Length: \r\n'.length + String(lengthOf(reply)).length)

const addedBytes = 'HTTP/1.1 \r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nuWebSockets: 20\r\n\r\n'
  .length
const closeBytes = 'Connection: close\r\n'.length

/** Of replies that are sent again and again. Others are not kept: that would cost more than to make one. */
const readyHeads = new WeakMap<ReadyReply, Head>()

const readyHeadOf = (reply: ReadyReply): Head => {
  const known = readyHeads.get(reply)
  if (known) return known
  const head = headOf(reply)
  readyHeads.set(reply, head)
  return head
}

// The bundled build never finishes endWithoutBody(length), and reads endWithoutBody(undefined) as that:
// the next request on the connection would close it. Without arguments it does finish.
const endWithoutBody = (response: HttpResponse, reply: Reply, method: string, close: boolean) => {
  if (method === 'HEAD' && !hasNoBody(reply) && !reply.stream)
    response.writeHeader('Content-Length', String(lengthOf(reply)))
  if (close) response.writeHeader('Connection', 'close')
  response.endWithoutBody()
}

/** RFC 9110 section 8.6: no Content-Length either. */
const hasNoBody = ({ status }: Reply): boolean => status === 204 || status === 304

const targetOf = (request: HttpRequest): string => {
  const query = request.getQuery()
  return query ? `${request.getUrl()}?${query}` : request.getUrl()
}

/**
 * getHeader() gives the first of two lines, and the tag may be in the other. Only here: to go through all
 * headers would cost every compressed answer its time.
 */
const ifNoneMatchOf = (request: HttpRequest): string | undefined => {
  if (request.getHeader('if-none-match') === '') return undefined
  const values: string[] = []
  request.forEach((name, value) => {
    if (name === 'if-none-match') values.push(value)
  })
  return values.join(', ')
}
