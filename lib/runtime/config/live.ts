// Settings: WebSockets and event streams, and what one client of them may cost.

import { wholeNumber, type Setting } from './table.ts'

export const liveSettings = {
  LIVE_SOCKETS_MAX: wholeNumber({
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: 'sockets',
    meaning:
      'WebSockets and event streams that one process may have open; further ones get a 503. Below its share of HTTP_CONNECTIONS_MAX.',
  }),
  LIVE_SOCKETS_PER_ADDRESS_MAX: wholeNumber({
    default: 1_000,
    min: 1,
    max: 1_000_000,
    unit: 'sockets',
    meaning:
      'Those of one client address, in one process. Behind a proxy set TRUSTED_PROXIES, or all clients are one.',
  }),
  LIVE_SUBSCRIPTIONS_MAX: wholeNumber({
    default: 100,
    min: 1,
    max: 10_000,
    unit: 'channels',
    meaning: 'Channels that one WebSocket may watch.',
  }),
  LIVE_MESSAGE_BYTES_MAX: wholeNumber({
    default: 4_096,
    min: 512,
    max: 65_536,
    unit: 'bytes',
    meaning:
      'Largest message of a client, all its fragments together; the socket is closed with 1009. A token must fit.',
  }),
  LIVE_MESSAGES_PER_SEC_MAX: wholeNumber({
    default: 20,
    min: 1,
    max: 10_000,
    unit: 'messages/s',
    meaning:
      'Messages, pings included, that one WebSocket may send, five seconds of them at once; past it the socket is closed with 1008.',
  }),
  LIVE_BUFFERED_BYTES_MAX: wholeNumber({
    default: 1_310_720,
    min: 4_096,
    max: 67_108_864,
    unit: 'bytes',
    meaning:
      'What may wait for one client that reads slowly. Past it events are skipped, and the client is told to read anew (`gap`). As much as a client may have missed (1 MiB) fits.',
  }),
  LIVE_HEARTBEAT_MS: wholeNumber({
    default: 25_000,
    min: 1_000,
    max: 50_000,
    unit: 'ms',
    meaning:
      'How often a client is sent a ping, or a comment on an event stream. Less than what proxies in front allow to be silent (Nginx: 60 s).',
  }),
  LIVE_IDLE_TIMEOUT_MS: wholeNumber({
    default: 60_000,
    min: 60_000,
    max: 3_600_000,
    unit: 'ms',
    meaning:
      'A WebSocket of which nothing is heard for this long, no pong either, or that watches nothing for this long, is closed. A heartbeat comes first.',
  }),
  LIVE_RECONNECT_SPREAD_MS: wholeNumber({
    default: 5_000,
    min: 0,
    max: 600_000,
    unit: 'ms',
    meaning:
      'When a process leaves, its clients are told to connect again after a random time of up to this, so that they do not all come at once.',
  }),
  LIVE_PRESENCE_TTL_MS: wholeNumber({
    default: 30_000,
    min: 3_000,
    max: 600_000,
    unit: 'ms',
    meaning:
      'Those who were present through a process that died are shown for this long. Each process says three times as often who is. The same in all processes.',
  }),
} as const satisfies Record<string, Setting<number>>
