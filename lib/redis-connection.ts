// Connections to Redis through ioredis, with its defaults overruled here and nowhere else.

import { Redis, type RedisOptions } from 'ioredis'
import type { Log } from './log.ts'

// A killed Redis must fail at once, a frozen one in the command's timeout: with ioredis's defaults one
// command took 73 s against a killed Redis and never ended against a frozen one. And a command that is sent again
// after a reconnect would count twice.
const connectionOptions = {
  protocol: 2,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 1_000,
  retryStrategy: (attempt: number) => Math.min(attempt * 50, 500),
} satisfies RedisOptions

/**
 * ioredis's own timeout takes a loop that was held up for a Redis that is away: its timer runs before
 * the answer that has arrived meanwhile is read. So callers have withTimeout, and this comes behind.
 */
const behindOursMs = 1_000

/** `timeoutMs` is what the caller gives each command. */
export const connectRedis = (
  url: string,
  timeoutMs: number,
  log: Log,
  options: { autoResubscribe?: boolean } = {},
): Redis => {
  const redis = new Redis(url, {
    ...connectionOptions,
    commandTimeout: timeoutMs + behindOursMs,
    ...options,
  })
  redis.on('error', (error: Error) => log.debug({ reason: error.message }, 'redis connection'))
  return redis
}

/** Resolves when it is there, or has failed to be: before that, every command fails. */
export const firstAttempt = (redis: Redis): Promise<void> =>
  new Promise((resolve) => {
    redis.once('ready', () => resolve())
    redis.once('error', () => resolve())
  })
