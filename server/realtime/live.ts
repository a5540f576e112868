// Everybody who watches in this process: lets them in, looks after them once a second, takes away what they
// may not see any more, and sends them elsewhere when the process leaves.

import type { Config } from '../../lib/runtime/config/config.ts'
import { createBoundedLog, errorFields, type Log } from '../../lib/runtime/log.ts'
import { createKeyedSemaphore } from '../../lib/runtime/keyed-semaphore.ts'
import {
  anyOf,
  type AnyOf,
  type ChannelName,
  type ChannelPosition,
} from '../../lib/domain/event.ts'
import type { ClientOf } from '../http/client-address.ts'
import type { Principal } from '../http/contract/endpoint.ts'
import type { Request } from '../http/engines/engine.ts'
import {
  checkHandshake,
  closeCodes,
  listed,
  type Acceptance,
  type WebSocketRoute,
} from '../http/engines/web-socket.ts'
import { orProblem, Problem, unavailable, type ProblemKind } from '../http/problem.ts'
import { failed, invalid } from '../http/problems.ts'
import { eventsUnavailable, type Channels } from './channels.ts'
import type { ClientParts, Identity, LiveClient, LiveSettings } from './client.ts'
import {
  createLiveCounts,
  type LiveCounts,
  type StreamTransport,
  type Transport,
} from './counts.ts'
import { openEventStream } from './event-stream.ts'
import { createHub, type EventSource, type Hub } from './hub.ts'
import { createPresence, type Presence, type SignalSource } from './presence.ts'
import { subprotocol, tokenProtocol } from './protocol.ts'
import { createSocketClient, type SocketClient } from './socket-client.ts'

export type LiveParts = {
  readonly settings: LiveSettings
  readonly channels: Channels
  readonly events: EventSource
  readonly signals: SignalSource
  /** Whose a token is; throws the problem. */
  readonly verify: (token: string) => Principal
  readonly clientOf: ClientOf
  /** Whether a page of the request's Origin may connect. */
  readonly isOriginAllowed: (request: Request) => boolean
  readonly log: Log
}

export type Live = {
  readonly webSockets: WebSocketRoute
  /** Throws why a request becomes no WebSocket. */
  refuse(request: Request): void
  /** The parts of an event stream; rejects with the problem. `key`: of the client's address. */
  watch(
    name: string,
    since: ChannelPosition | undefined,
    identity: Identity | undefined,
    key: string,
    transport: StreamTransport,
  ): Promise<AsyncIterable<Buffer>>
  /** Throws unless `name` may be watched. */
  permit(name: string, identity: Identity | undefined): Promise<ChannelName>
  sessionEnded(sessionId: string): void
  /** `*`: of any channel, or of anybody. */
  accessEnded(ended: { readonly channel: ChannelName | AnyOf; readonly userId: string }): void
  readonly counts: LiveCounts
  readonly hub: Hub
  readonly presence: Presence
  /** All are told to come back, elsewhere. `isRestart`: another process is there already. */
  close(isRestart: boolean): void
}

export const liveSettingsOf = (config: Config): LiveSettings => ({
  clientsMax: config.LIVE_SOCKETS_MAX,
  clientsOfAddressMax: config.LIVE_SOCKETS_PER_ADDRESS_MAX,
  subscriptionsMax: config.LIVE_SUBSCRIPTIONS_MAX,
  messageBytesMax: config.LIVE_MESSAGE_BYTES_MAX,
  messagesPerSecMax: config.LIVE_MESSAGES_PER_SEC_MAX,
  bufferedBytesMax: config.LIVE_BUFFERED_BYTES_MAX,
  heartbeatMs: config.LIVE_HEARTBEAT_MS,
  idleTimeoutMs: config.LIVE_IDLE_TIMEOUT_MS,
  reconnectSpreadMs: config.LIVE_RECONNECT_SPREAD_MS,
  presenceTtlMs: config.LIVE_PRESENCE_TTL_MS,
})

export const livePath = '/live'
const paths = [livePath, `/v1${livePath}`]
const tickMs = 1_000
/** Limit per process: what waits for all clients, where many do not read. */
const bufferedBytesOfAllMax = 256 * 1024 * 1024

const foreignOrigin: ProblemKind = {
  type: {
    slug: 'origin-not-allowed',
    status: 403,
    when: 'A page of another origin opens a WebSocket, and that origin is not allowed.',
    remedy: 'Who runs the server names the origin in the setting `CORS_ORIGINS`.',
  },
  detail: 'pages of this origin may not connect',
  field: 'Origin',
}
export const tooManyClients = unavailable(
  {
    slug: 'too-many-live-clients',
    when: 'As many WebSockets and event streams are open as may be, in this process or of this address, or the process is about to leave.',
    remedy:
      'Wait for `Retry-After`, then connect again. The settings `LIVE_SOCKETS_MAX` and `LIVE_SOCKETS_PER_ADDRESS_MAX` are the bounds.',
  },
  'too many WebSockets and event streams are open',
)
export const wrongProtocol = invalid(
  `Sec-WebSocket-Protocol must name ${subprotocol}`,
  'Sec-WebSocket-Protocol',
)
/** How a handshake is refused, but for its token. */
export const handshakeProblems: readonly ProblemKind[] = [
  foreignOrigin,
  tooManyClients,
  wrongProtocol,
]

export const createLive = (parts: LiveParts): Live => {
  const { settings, channels, verify, clientOf, isOriginAllowed, log } = parts
  const counts = createLiveCounts()
  const orUnavailable = orProblem(eventsUnavailable)
  const hub = createHub(
    { join: (...how) => parts.events.join(...how).catch(orUnavailable) },
    (...what) => channels.version(...what).catch(orUnavailable),
  )
  const presence = createPresence(parts.signals, { ttlMs: settings.presenceTtlMs })
  const warn = createBoundedLog((fields, message) => log.warn(fields, message))
  const clients = new Set<LiveClient>()
  const byAddress = createKeyedSemaphore()
  let isLeaving = false

  const problemOf = (error: unknown): Problem => {
    if (error instanceof Problem) return error
    warn(errorFields(error), 'a live client was refused: a fault')
    return fault
  }
  const clientParts: ClientParts = {
    settings,
    channels,
    hub,
    presence,
    counts,
    verify,
    problemOf,
  }

  const isFull = () => isLeaving || clients.size >= settings.clientsMax

  /** How to give it back; throws when there is none. */
  const take = (transport: Transport, key: string): (() => void) => {
    if (isFull() || !byAddress.take(key, settings.clientsOfAddressMax)) throw full
    counts.clients[transport]++
    return () => {
      counts.clients[transport]--
      byAddress.leave(key)
    }
  }

  /** The protocol to agree on, and who connects. */
  const offerOf = (request: Request) => {
    const offered = listed(request.header('sec-websocket-protocol'))
    if (offered.length === 0) return { protocol: undefined, identity: undefined }
    if (!offered.includes(subprotocol)) throw wrong
    const token = offered.find((one) => one.startsWith(tokenProtocol))?.slice(tokenProtocol.length)
    const identity = token === undefined ? undefined : { token, principal: verify(token) }
    return { protocol: subprotocol, identity }
  }

  const admit = (request: Request): Acceptance => {
    checkHandshake(request)
    if (!isOriginAllowed(request)) throw foreign
    const { protocol, identity } = offerOf(request)
    const { key } = clientOf(request)
    // Given back at once: it is taken when the socket is there.
    take('websocket', key)()
    return {
      protocol,
      open(socket) {
        const release = take('websocket', key)
        const onClosed = () => {
          clients.delete(client)
          release()
        }
        const client: SocketClient = createSocketClient(
          socket,
          identity,
          clientParts,
          onClosed,
          performance.now(),
        )
        clients.add(client)
        return client
      },
    }
  }

  const tick = () => {
    const nowMs = performance.now()
    for (const client of clients) client.tick(nowMs)
    presence.tick()
    makeRoom([...clients])
  }
  const ticking = setInterval(tick, tickMs).unref()

  const permit: Live['permit'] = (name, identity) => channels.resolve(identity?.principal, name)

  return {
    webSockets: {
      paths,
      messageBytesMax: settings.messageBytesMax,
      bufferedBytesMax: settings.bufferedBytesMax,
      accept(request) {
        // It takes no parameters: a token there would be in every log on its way.
        if (request.query !== '') return undefined
        try {
          return admit(request)
        } catch {
          // It is asked again as a request, and answered with what is wrong.
          return undefined
        }
      },
    },
    refuse: (request) => void admit(request),
    permit,
    async watch(name, since, identity, key, transport) {
      const channel = await permit(name, identity)
      const release = take(transport, key)
      let isOver = false
      let forget = () => {}
      const onClosed = () => {
        isOver = true
        forget()
        release()
      }
      const watch = { name, channel, since, identity, transport }
      const stream = await openEventStream(watch, clientParts, onClosed, performance.now())
      const { client } = stream
      if (!isOver) clients.add(client)
      forget = () => clients.delete(client)
      // What ended while it was being joined.
      client.checkToken()
      if (identity) client.checkChannel(channel)
      return stream.parts
    },
    sessionEnded(sessionId) {
      for (const client of clients)
        if (client.identity()?.principal.sessionId === sessionId) client.checkToken()
    },
    accessEnded({ channel, userId }) {
      for (const client of clients) {
        const isMeant = userId === anyOf || client.identity()?.principal.userId === userId
        if (isMeant) client.checkChannel(channel)
      }
    },
    counts,
    hub,
    presence,
    close(isRestart) {
      isLeaving = true
      presence.close()
      clearInterval(ticking)
      const count = clients.size
      if (count === 0) return
      const code = isRestart ? closeCodes.serviceRestart : closeCodes.goingAway
      for (const client of [...clients])
        client.leave(Math.round(Math.random() * settings.reconnectSpreadMs), code)
      log.info({ clients: count }, 'live clients told to connect again')
    },
  }
}

/** Those for whom most waits are cut, until no more waits in all than may. */
export const makeRoom = (
  clients: readonly Pick<LiveClient, 'bufferedBytes' | 'cut'>[],
  bytesMax = bufferedBytesOfAllMax,
): void => {
  const waiting = clients.map((client) => ({ client, bytes: client.bufferedBytes() }))
  let sum = waiting.reduce((total, { bytes }) => total + bytes, 0)
  if (sum <= bytesMax) return
  for (const { client, bytes } of waiting.sort((a, b) => b.bytes - a.bytes)) {
    if (sum <= bytesMax) return
    sum -= bytes
    client.cut()
  }
}

const fault = new Problem(failed)
const full = new Problem(tooManyClients)
const foreign = new Problem(foreignOrigin)
const wrong = new Problem(wrongProtocol)
