// What is counted of live clients: integers, kept where it happens and read by a scrape.

import type { Registry } from '@prometheus-io/client'
import { addCounter, addGauge } from '../../lib/runtime/metrics.ts'
import type { Presence } from './presence.ts'

export const transports = ['websocket', 'event-stream', 'grpc'] as const
export type Transport = (typeof transports)[number]
/** gRPC is sent an event stream, too, as messages. */
export type StreamTransport = Exclude<Transport, 'websocket'>

/** Why a server closes a socket, or ends a subscription. */
export const closings = [
  'idle',
  'too-many-messages',
  'not-reading',
  'access-ended',
  'token-ended',
  'unverified',
  'draining',
] as const
export type Closing = (typeof closings)[number]

const zeros = <const K extends string>(keys: readonly K[]): Record<K, number> =>
  Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>

export type LiveCounts = ReturnType<typeof createLiveCounts>

export const createLiveCounts = () => ({
  /** Open now. */
  clients: zeros(transports),
  /** Now. */
  subscriptions: 0,
  sent: zeros(transports),
  gaps: zeros(transports),
  closed: zeros(closings),
  /** Messages, and requests to watch, that were refused. */
  refused: 0,
})

const each = <K extends string>(label: string, counts: Readonly<Record<K, number>>) =>
  (Object.entries(counts) as [K, number][]).map(
    ([name, count]) => [{ [label]: name }, count] as const,
  )

export const addLiveMetrics = (
  registry: Registry,
  counts: LiveCounts,
  channels: () => number,
  presence: Pick<Presence, 'present' | 'typingDropped'>,
): void => {
  addGauge(
    registry,
    {
      name: 'todos_live_clients',
      help: 'WebSockets, event streams and channels watched by gRPC that are open.',
      labelNames: ['transport'],
    },
    () => each('transport', counts.clients),
  )
  addGauge(
    registry,
    { name: 'todos_live_subscriptions', help: 'Channels that are watched, for each client.' },
    () => [[{}, counts.subscriptions]],
  )
  addGauge(
    registry,
    {
      name: 'todos_live_channels',
      help: 'Channels that a process reads, each once for all of its clients.',
    },
    () => [[{}, channels()]],
  )
  addCounter(
    registry,
    {
      name: 'todos_live_events_sent_total',
      help: 'Events handed to a client, for each client.',
      labelNames: ['transport'],
    },
    () => each('transport', counts.sent),
  )
  addCounter(
    registry,
    {
      name: 'todos_live_gaps_total',
      help: 'Times that a client was told to read anew: it was away too long, or read too slowly.',
      labelNames: ['transport'],
    },
    () => each('transport', counts.gaps),
  )
  addCounter(
    registry,
    {
      name: 'todos_live_endings_total',
      help: 'Sockets closed and subscriptions ended by the server, by reason.',
      labelNames: ['reason'],
    },
    () => each('reason', counts.closed),
  )
  addCounter(
    registry,
    {
      name: 'todos_live_refusals_total',
      help: 'Messages of clients that were refused with a problem.',
    },
    () => [[{}, counts.refused]],
  )
  addGauge(
    registry,
    {
      name: 'todos_live_present_users',
      help: 'Users who are present in a channel, for each channel and process.',
    },
    () => [[{}, presence.present()]],
  )
  addCounter(
    registry,
    {
      name: 'todos_live_typing_dropped_total',
      help: 'Messages of typing that were too many: nobody was told of them.',
    },
    () => [[{}, presence.typingDropped()]],
  )
}
