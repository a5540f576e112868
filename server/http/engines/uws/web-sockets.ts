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
  isOpen: boolean
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
        const state: State = { acceptance, isOpen: true, listener: undefined }
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
        state.listener = state.acceptance.open(oursOf(socket, state))
      },
      message(socket, message, isBinary) {
        const state = socket.getUserData()
        if (!state.isOpen) return
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
        state.isOpen = false
        onClosed()
        state.listener?.onClose()
      },
    })
  }
}

/** Nothing of a socket of uWS may be touched once it has closed. */
const oursOf = (socket: UwsSocket<State>, state: State): WebSocket => ({
  send(text) {
    if (state.isOpen) socket.send(text, false)
  },
  bufferedBytes: () => (state.isOpen ? socket.getBufferedAmount() : 0),
  ping() {
    if (state.isOpen) socket.ping()
  },
  close(code, reason) {
    if (state.isOpen) socket.end(code, reason)
  },
  cut() {
    if (state.isOpen) socket.close()
  },
})
