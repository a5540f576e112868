// A WebSocket (RFC 6455) as the application sees it, on either engine. Which requests become one is
// decided here, before an engine answers 101; what is refused goes the way of every request.

import { Problem, type ProblemKind, type ProblemType } from '../problem.ts'
import { invalid } from '../problems.ts'
import type { Request } from './engine.ts'

export type WebSocket = {
  /** One message of text, in UTF-8. Nothing once it closes. */
  send(text: Buffer): void
  /** Several, in one write. The same array to many sockets is framed once. */
  sendAll(texts: readonly Buffer[]): void
  /** Of what was sent, the bytes that the client has not taken. */
  bufferedBytes(): number
  ping(): void
  /** Begins the closing handshake: nothing is heard but its end. */
  close(code: number, reason: string): void
  /** Without a handshake: for who does not answer, or does not read. */
  cut(): void
}

/** What a socket's owner is told. What breaks RFC 6455 is closed by the engine, and not told. */
export type WebSocketListener = {
  onText(text: string): void
  /** A ping or a pong came: the client is there. */
  onControl(): void
  /** All that was buffered has been taken. */
  onDrain(): void
  /** Once, and the last. */
  onClose(): void
}

export type Acceptance = {
  /** Of those that the client offers; undefined: it offers none. */
  readonly protocol: string | undefined
  /** Called once, when the connection is a WebSocket. */
  open(socket: WebSocket): WebSocketListener
}

/** Where WebSockets are taken. */
export type WebSocketRoute = {
  readonly paths: readonly string[]
  readonly messageBytesMax: number
  /** For a client that pings and does not read: past it no pong is sent. */
  readonly bufferedBytesMax: number
  /** Undefined: it is a request like any other, and `handle` says what is wrong with it. Never throws. */
  accept(request: Request): Acceptance | undefined
}

/** RFC 6455, 7.4.1. */
export const closeCodes = {
  goingAway: 1001,
  unsupportedData: 1003,
  policyViolation: 1008,
  serviceRestart: 1012,
} as const

const upgradeRequired: ProblemType = {
  slug: 'upgrade-required',
  status: 426,
  when: 'The path speaks WebSocket, and the request is no handshake of version 13.',
  remedy: 'Open it with a WebSocket client. A proxy in front must pass `Upgrade` and `Connection`.',
}
export const notUpgraded: ProblemKind = {
  type: upgradeRequired,
  detail: 'open this with a WebSocket client: the request is no handshake',
  headers: [
    {
      name: 'Upgrade',
      description: 'The protocol to ask for.',
      schema: { type: 'string', const: 'websocket' },
      isRequired: true,
      value: 'websocket',
    },
    {
      name: 'Sec-WebSocket-Version',
      description: 'The version to ask for.',
      schema: { type: 'string', const: '13' },
      isRequired: true,
      value: '13',
    },
  ],
}
export const malformedKey = invalid(
  'Sec-WebSocket-Key must be 16 bytes in base64',
  'Sec-WebSocket-Key',
)
export const handshakeWithBody = invalid('a handshake has no body', 'Content-Length')

/** Sixteen bytes: the last letter of four carries two bits that mean nothing. */
const key = /^[A-Za-z0-9+/]{22}==$/

/** Throws what is wrong with a GET that ought to be an opening handshake (RFC 6455, 4.2.1). */
export const checkHandshake = (request: Request): void => {
  const isAsked =
    /^websocket$/i.test(request.header('upgrade')?.trim() ?? '') &&
    listed(request.header('connection')).some((one) => one.toLowerCase() === 'upgrade') &&
    request.header('sec-websocket-version') === '13'
  if (!isAsked) throw new Problem(notUpgraded)
  if (!key.test(request.header('sec-websocket-key') ?? '')) throw new Problem(malformedKey)
  const hasBody =
    (request.header('content-length') ?? '0') !== '0' ||
    request.header('transfer-encoding') !== undefined
  if (hasBody) throw new Problem(handshakeWithBody)
}

/** The members of a header that is a list. */
export const listed = (value = ''): string[] =>
  value
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean)
