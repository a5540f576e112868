// One connection to Redis through ioredis, with its defaults overruled here and nowhere else. A
// connection that is silent, or leads to a server that is not the master, stays open for ever
// unless it is replaced. Each is asked for a PING every second, and what an error reply means is
// known here.

import { Redis, type RedisOptions } from 'ioredis'
import type { RedisHost } from '../../runtime/config/redis-url.ts'
import type { Log } from '../../runtime/log.ts'
import { NoAnswer, withTimeout } from '../../runtime/deadline.ts'
import { connectorTo } from './connector.ts'
import { explainRefusal, explainSilence } from './refusal.ts'
import type { RedisTls } from './tls.ts'

export type { Redis } from 'ioredis'

export type RedisConnection = {
  /** Runs commands. Rejects within the connection's bound, with the first cause. */
  run<T>(work: (redis: Redis) => Promise<T>): Promise<T>
  /**
   * For who gets the error of a command as a value, and not from `run`: the first cause, or what to set. Of a
   * server that is not the one to talk to, the connection leads to another now.
   */
  explain(error: Error): Error
  /** Ends it and opens another, but not more often than the back-off allows. */
  replace(reason: string): void
  /** For events and subscriptions. */
  readonly redis: Redis
  /** Where it leads, or led last; undefined before the first attempt. */
  address(): RedisHost | undefined
  /** Resolves when it can be used. */
  opened(): Promise<void>
  close(): void
}

export type RedisConnectionSettings = {
  /** Asked before each attempt. Rejects with why nobody knows. */
  readonly find: () => Promise<RedisHost>
  readonly login: RedisLogin
  /** For one use of the connection. */
  readonly timeoutMs: number
  /** What its errors mean: redirections of a cluster are no reason to leave it. */
  readonly kind?: 'server' | 'cluster' | 'sentinel'
}

export type RedisLogin = {
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: number
  /** Undefined: plain text. */
  readonly tls: RedisTls | undefined
}

/**
 * ioredis's own timeout takes a loop that was held up for a Redis that is unavailable: its timer runs
 * before the answer that has arrived meanwhile is read. So ours comes first, and this one behind it.
 */
const behindOursMs = 1_000

// A killed Redis must fail at once, a frozen one in the command's timeout. With ioredis's defaults
// one command took 73 s against a killed Redis and never ended against a frozen one. And a command
// that is sent again after a reconnect would count twice.
const connectionOptions = {
  protocol: 2,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 1_000,
  disconnectTimeout: 100,
  maxLoadingRetryTime: 500,
  // Who subscribes does more than that on a new connection.
  autoResubscribe: false,
} satisfies RedisOptions

const retryMs = (attempt: number): number => Math.min(attempt * 50, 1_000)
/** Nothing helps there until a setting is changed, here or in Redis, and that may lock a user out. */
const refusedRetryMs = (attempt: number): number => Math.min(250 * 2 ** attempt, 5_000)

/** A silent connection (half-open, nobody closed it) is found after these two, and replaced. */
const heartbeatMs = 1_000
const silentMs = 1_000
/** The first replacement is immediate; the next ones wait, and so many at most are made of a sick server. */
const replaceAgainMinMs = 500
const replaceAgainMaxMs = 2_000
/** After so long without a replacement the next one is a first one again. */
const calmMs = 10_000

/** `onRefusal`: Redis is there and does not let us in, or do what we need; with what to set. */
export const connectRedis = (
  settings: RedisConnectionSettings,
  log: Log,
  onRefusal: (cause: Error, reason: string) => void = () => {},
): RedisConnection => {
  const { find, login, timeoutMs, kind = 'server' } = settings
  const { user, password, database, tls } = login
  let address: RedisHost | undefined
  const redis = new Redis({
    Connector: connectorTo(async () => (address = await find()), tls),
    db: database,
    ...(user !== undefined && { username: user }),
    ...(password !== undefined && { password }),
    // The connector has them. ioredis is to wait for the handshake.
    ...(tls && { tls: {} }),
    ...connectionOptions,
    retryStrategy: (attempt) => (isRefused ? refusedRetryMs(attempt) : retryMs(attempt)),
    commandTimeout: timeoutMs + behindOursMs,
  })
  /** Why it is not connected. ioredis itself only says "Stream isn't writeable". */
  let cause = 'no answer yet'
  let isRefused = false
  let replacements = 0
  let replacedAtMs = -Infinity

  redis.on('error', (error: Error) => {
    const refusal = explainRefusal(error, kind === 'sentinel')
    const silence = redis.status === 'ready' ? undefined : explainSilence(error, tls !== undefined)
    // Of an alert of TLS that comes behind our first words, often only the reset arrives.
    if (!(isRefused && silence !== undefined)) {
      isRefused = refusal !== undefined
      cause = refusal ?? silence ?? error.message
      if (refusal !== undefined) onRefusal(error, refusal)
      else if (silence !== undefined) onRefusal(new Error(silence), silence)
    }
    log.debug({ reason: cause }, 'redis connection')
  })
  redis.on('ready', () => {
    isRefused = false
    cause = 'the connection was closed'
  })

  const replace = (reason: string) => {
    const sinceMs = performance.now() - replacedAtMs
    if (sinceMs > calmMs) replacements = 0
    if (sinceMs < replaceAgainMs(replacements)) return
    replacements++
    replacedAtMs = performance.now()
    cause = reason
    log.debug({ reason }, 'redis connection replaced')
    // Not disconnect(), which waits for the other side to close.
    if (redis.status === 'ready' || redis.status === 'connect') redis.stream.destroy()
  }

  const heartbeat = setInterval(() => {
    if (redis.status !== 'ready') return
    withTimeout(silentMs, () => redis.ping()).catch((error: Error) => {
      if (error instanceof NoAnswer) replace(`no answer to a PING within ${silentMs} ms`)
    })
  }, heartbeatMs)
  heartbeat.unref()

  const explain = (error: Error): Error => {
    const { message } = error
    if (isFromWrongServer(message) && !(kind === 'cluster' && isRedirection(message)))
      replace(message)
    if (isConnectionLost(message)) return new Error(cause, { cause: error })
    const refusal = explainRefusal(error, kind === 'sentinel')
    if (refusal === undefined) return error
    onRefusal(error, refusal)
    return new Error(refusal, { cause: error })
  }

  const attempted = firstAttempt(redis)

  return {
    redis,
    replace,
    address: () => address,
    async opened() {
      if (redis.status !== 'ready')
        await new Promise<void>((resolve) => void redis.once('ready', resolve))
    },
    async run(work) {
      try {
        return await withTimeout(timeoutMs, async () => {
          // A server that is frozen takes the connection, and this waits for it.
          await attempted
          if (redis.status !== 'ready') throw new Error(cause)
          return work(redis)
        })
      } catch (error) {
        throw explain(error as Error)
      }
    },
    explain,
    close() {
      clearInterval(heartbeat)
      redis.disconnect()
    },
  }
}

const replaceAgainMs = (replacements: number): number =>
  replacements === 0 ? 0 : Math.min(replaceAgainMinMs * 2 ** (replacements - 1), replaceAgainMaxMs)

/** Resolves when it is there, or has failed to be: before that, every command fails. */
const firstAttempt = (redis: Redis): Promise<void> =>
  new Promise((resolve) => {
    for (const event of ['ready', 'error', 'close']) redis.once(event, () => resolve())
  })

/**
 * Replies of a server that is not, or not yet, the one to talk to. A failover may leave connections
 * open to the old master, and a new connection reaches the new one. Those of a master that is sick
 * (OOM, MISCONF, NOPERM, BUSY) stay the same on a new connection. Redis 6 puts an error of a
 * command in a script behind a dash.
 */
const wrongServer =
  /(^|-)(READONLY|MASTERDOWN|LOADING|CLUSTERDOWN|NOREPLICAS|NOAUTH|WRONGPASS|MOVED|ASK|TRYAGAIN)\b/
const isFromWrongServer = (message: string): boolean => wrongServer.test(message)

/** In a cluster: the key is elsewhere, or on its way. */
const isRedirection = (message: string): boolean =>
  /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/.test(message)

/** ioredis's ways to say that the connection is closed, which hide why. */
const lostMessages =
  /Stream isn't writeable|Connection is closed|max retries per request|aborted due to connection close/
const isConnectionLost = (message: string): boolean => lostMessages.test(message)
