// A server of live updates and nothing else, on either engine, with events from memory. For tests.

import type { Test } from 'tap'
import { createRouter } from '../../server/http/router.ts'
import { createReply } from '../../server/http/engines/engine.ts'
import { invalidToken } from '../../server/http/access-problems.ts'
import { Problem } from '../../server/http/problem.ts'
import { allowsOrigin, readCors } from '../../server/http/cors.ts'
import { liveEndpoints } from '../../server/features/live/endpoints.ts'
import { tokenOf } from '../../server/identity/authenticate.ts'
import type { Principal } from '../../server/http/contract/endpoint.ts'
import { noToken } from '../../server/http/access-problems.ts'
import { createChannels, type ChannelKind } from '../../server/realtime/channels.ts'
import type { LiveSettings } from '../../server/realtime/client.ts'
import { createLive, type Live } from '../../server/realtime/live.ts'
import { silentLog } from '../settings.ts'
import { nobody, publicEndpoint } from '../endpoint.ts'
import { serve, type EngineName } from '../engines/harness.ts'
import { createMemoryEvents, type MemoryEvents } from './memory-events.ts'
import { createMemorySignals, type MemorySignals } from './memory-signals.ts'

export const liveSettings: LiveSettings = {
  clientsMax: 100,
  clientsOfAddressMax: 100,
  subscriptionsMax: 5,
  messageBytesMax: 1_000,
  messagesPerSecMax: 100,
  bufferedBytesMax: 100_000,
  heartbeatMs: 60_000,
  idleTimeoutMs: 120_000,
  reconnectSpreadMs: 1_000,
  presenceTtlMs: 30_000,
}

export type LiveServer = {
  readonly port: number
  readonly live: Live
  readonly events: MemoryEvents
  /** Of every list: its version, and whether that can be read. */
  readonly store: { version: number; isDown: boolean }
  readonly signals: MemorySignals
  /** Who is in each team. */
  readonly members: Set<string>
  /** Tokens that are good no more. */
  readonly ended: Set<string>
  /** What is looked up next of a team is answered when what is returned is called. */
  holdNext(): () => void
}

/** The token of `ann` is `token-ann`, of the session `session-ann`. */
export const principalOf = (token: string): Principal => {
  const userId = /^token-(\w+)$/.exec(token)?.[1]
  if (userId === undefined) throw new Problem(invalidToken('the token is malformed'))
  return { userId, sessionId: `session-${userId}` }
}

export const serveLive = async (
  t: Test,
  engine: EngineName,
  settings: Partial<LiveSettings> = {},
  origins = '',
  signals: MemorySignals = createMemorySignals(),
): Promise<LiveServer> => {
  const events = createMemoryEvents()
  const members = new Set<string>()
  const ended = new Set<string>()
  const store = { version: 1, isDown: false }
  const version = () =>
    store.isDown ? Promise.reject(new Error('down')) : Promise.resolve(store.version)
  let held: Promise<void> | undefined
  const kinds = [
    kind('todos', false, () => 'todos'),
    kind('mine', true, (principal) => `user:${principal?.userId ?? ''}`),
    kind('team:{id}', true, async (principal, id) => {
      const isMember = members.has(`${id} ${principal?.userId ?? ''}`)
      const holding = held
      held = undefined
      await holding
      if (!isMember) throw new Problem(noToken)
      return `team:${id}`
    }),
  ].map((one): ChannelKind => ({ ...one, version }))
  const verify = (token: string) => {
    if (ended.has(token)) throw new Problem(invalidToken('the session has ended'))
    return principalOf(token)
  }
  const cors = readCors(origins)
  const live = createLive({
    settings: { ...liveSettings, ...settings },
    channels: createChannels(kinds),
    events,
    signals,
    verify,
    clientOf: nobody.clientOf,
    isOriginAllowed: (request) => allowsOrigin(cors, request),
    log: silentLog,
  })
  const authenticate = (request: Parameters<typeof tokenOf>[0]) => verify(tokenOf(request))
  const handle = createRouter({
    ...nobody,
    endpoints: [
      ...liveEndpoints({ watch: { live, authenticate, tokenOf }, publicUrl: '' }, kinds),
      publicEndpoint('GET', '/other', () => createReply(200, [], 'other')),
    ],
    log: silentLog,
  })
  const port = await serve(t, engine, {
    ready: () => undefined,
    handle,
    webSockets: live.webSockets,
  })
  t.teardown(() => live.close(false))
  return {
    port,
    live,
    events,
    signals,
    store,
    members,
    ended,
    holdNext() {
      let release = () => {}
      held = new Promise((resolve) => (release = resolve))
      return () => release()
    },
  }
}

const kind = (name: string, needsToken: boolean, resolve: ChannelKind['resolve']) => ({
  name,
  description: name,
  example: name,
  needsToken,
  hasPresence: name.startsWith('team:'),
  problems: [],
  resolve,
})
