// WebSockets on the uws engine: uWebSockets.js's own. What its binary does with frames that break RFC
// 6455 is its own, too: it drops the connection without a close frame (web-sockets.test.ts).

import type {
  HttpRequest,
  HttpResponse,
  TemplatedApp,
  WebSocket as UwsSocket,
} from 'uWebSockets.js'
import {
  closeCodes,
  type Acceptance,
  type WebSocket,
  type WebSocketListener,
  type WebSocketRoute,
} from '../web-socket.ts'
import { UwsRequest } from './request.ts'

export type WebSocketParts = {
  readonly route: WebSocketRoute
  /** A request that does not become one. */
  readonly answer: (response: HttpResponse, request: UwsRequest) => void
  readonly targetOf: (request: HttpRequest) => string
  readonly onClosed: () => void
}

type State = {
  readonly acceptance: Acceptance
  socket: OpenSocket | undefined
  listener: WebSocketListener | undefined
}

/** Behind what we check ourselves: uWS drops messages past its bound, and says nothing. */
const backpressureFactor = 4

export const addWebSockets = (
  server: TemplatedApp,
  { route, answer, targetOf, onClosed }: WebSocketParts,
): void => {
  for (const path of route.paths) {
    server.ws<State>(path, {
      maxPayloadLength: route.messageBytesMax,
      maxBackpressure: route.bufferedBytesMax * backpressureFactor + route.messageBytesMax,
      // Ours to do, for both engines alike.
      idleTimeout: 0,
      sendPingsAutomatically: false,
      upgrade(response, received, context) {
        const target = targetOf(received)
        const request = new UwsRequest(
          response,
          received,
          received.getCaseSensitiveMethod(),
          target,
        )
        const acceptance = request.decided ? undefined : route.accept(request)
        if (!acceptance) {
          answer(response, request)
          return
        }
        const state: State = { acceptance, socket: undefined, listener: undefined }
        response.upgrade(
          state,
          received.getHeader('sec-websocket-key'),
          acceptance.protocol ?? '',
          '', // no extensions: no compression
          context,
        )
      },
      open(socket) {
        const state = socket.getUserData()
        state.socket = new OpenSocket(socket)
        state.listener = state.acceptance.open(state.socket)
      },
      message(socket, message, isBinary) {
        const state = socket.getUserData()
        if (!state.socket?.isOpen) return
        if (isBinary) socket.end(closeCodes.unsupportedData, 'send text')
        // uWS takes the memory back when this callback returns; it has checked that it is UTF-8.
        else state.listener?.onText(Buffer.from(message).toString())
      },
      ping: (socket) => socket.getUserData().listener?.onControl(),
      pong: (socket) => socket.getUserData().listener?.onControl(),
      drain(socket) {
        if (socket.getBufferedAmount() === 0) socket.getUserData().listener?.onDrain()
      },
      close(socket) {
        const state = socket.getUserData()
        state.socket?.closed()
        onClosed()
        state.listener?.onClose()
      },
    })
  }
}

/**
 * A class: every event touches every socket, and behind a write little of one is in the CPU's caches. Nothing
 * of a socket of uWS may be touched once it has closed.
 */
class OpenSocket implements WebSocket {
  #socket: UwsSocket<State> | undefined

  constructor(socket: UwsSocket<State>) {
    this.#socket = socket
  }

  get isOpen(): boolean {
    return this.#socket !== undefined
  }

  closed(): void {
    this.#socket = undefined
  }

  send(text: Buffer): void {
    this.#socket?.send(text, false)
  }

  sendAll(texts: readonly Buffer[]): void {
    const socket = this.#socket
    if (!socket) return
    const [first] = texts
    if (first && texts.length === 1) socket.send(first, false)
    else
      socket.cork(() => {
        for (const text of texts) socket.send(text, false)
      })
  }

  bufferedBytes(): number {
    return this.#socket?.getBufferedAmount() ?? 0
  }

  ping(): void {
    this.#socket?.ping()
  }

  close(code: number, reason: string): void {
    this.#socket?.end(code, reason)
  }

  cut(): void {
    this.#socket?.close()
  }
}
