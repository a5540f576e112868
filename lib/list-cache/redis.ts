// The list cache in Redis. Changes arrive over client-side caching (CLIENT TRACKING … BCAST) on a
// connection of its own; a canary key proves, at start and after every reconnect, that they do.

import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Log } from '../log.ts'
import { createPoolUse, type PoolUse } from '../pool-use.ts'
import { connectRedis, firstAttempt } from '../redis-connection.ts'
import type { ListName } from '../todo-store/todo-store.ts'
import { withTimeout } from '../with-timeout.ts'
import type { CacheEvent, ListCache } from './list-cache.ts'

export type RedisCacheSettings = {
  readonly url: string
  readonly ttlSec: number
  /** Data connections of this process; they take turns. */
  readonly poolSize: number
  /** Told how much they are used. */
  readonly use?: PoolUse
}

const versionKey = 'todos:version'
const listKeys = { newest: 'todos:limit:1000', all: 'todos:all' } as const satisfies Record<
  ListName,
  string
>
const leaseKey = (list: ListName) => `todos:filling:${list}`
const everyListKey = [...Object.values(listKeys), leaseKey('newest'), leaseKey('all')]

const commandTimeoutMs = 500
const canaryTimeoutMs = 1_000
const pingIntervalMs = 500
/** A filler that dies leaves its lease for this long; nobody else asks Postgres meanwhile. */
const leaseMs = 2_000

// A list is only ever as good as the version it was read under: stored with it, and handed out only
// while that is still the version. KEYS: version, list, lease.
const getScript = `
local list = redis.call('HMGET', KEYS[2], 'version', 'body')
if list[1] and list[1] == redis.call('GET', KEYS[1]) then return {'hit', list[1], list[2]} end
if redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[1]) then return {'fill'} end
return {'wait'}`

// A newer version drops every list and every lease in the same step; the first one after a flush does
// not: there are no lists, and the leases are those of processes that fill them again just now.
// Shared by both scripts below.
const announceFunction = `
local function announce(version)
  local known = tonumber(redis.call('GET', KEYS[1]) or '-1')
  if tonumber(version) > known then
    redis.call('SET', KEYS[1], version)
    if known >= 0 then redis.call('UNLINK', unpack(KEYS, 2)) end
  end
  return tonumber(version) >= known
end`

// KEYS: version, then all lists and leases.
const announceScript = `${announceFunction}
announce(ARGV[1])
return 1`

// KEYS: version, then all lists and leases; ARGV: version, body, ttl, list, lease.
const fillScript = `${announceFunction}
local current = announce(ARGV[1])
redis.call('UNLINK', ARGV[5])
if not current then return 0 end
redis.call('HSET', ARGV[4], 'version', ARGV[1], 'body', ARGV[2])
redis.call('EXPIRE', ARGV[4], ARGV[3])
return 1`

export const createRedisListCache = (settings: RedisCacheSettings, log: Log): ListCache => {
  const connections = Array.from({ length: settings.poolSize }, () =>
    connectRedis(settings.url, commandTimeoutMs, log),
  )
  // A command right after the start waits for the first connection, or for its failure; later on a
  // connection that is not there fails at once.
  const opened = Promise.all(connections.map(firstAttempt))
  let turn = 0
  const data = async (): Promise<Redis> => {
    await opened
    return connections[turn++ % connections.length] as Redis
  }
  const use = settings.use ?? createPoolUse()
  use.size = settings.poolSize
  const onData = async <T>(work: (redis: Redis) => Promise<T>): Promise<T> => {
    use.underWay++
    try {
      const redis = await data()
      return await withTimeout(commandTimeoutMs, () => work(redis))
    } finally {
      use.underWay--
    }
  }
  let stopWatching = () => {}

  return {
    async get(list) {
      const keys = [versionKey, listKeys[list], leaseKey(list)]
      const [kind, version, body] = await onData(
        (redis) =>
          redis.callBuffer('EVAL', getScript, keys.length, ...keys, leaseMs) as Promise<Buffer[]>,
      )
      switch (kind?.toString()) {
        case 'hit':
          if (!version || !body) throw new Error('a list in Redis has no version or no body')
          return { kind: 'hit', snapshot: { version: Number(version), body } }
        case 'fill':
          return { kind: 'fill' }
        default:
          return { kind: 'wait' }
      }
    },
    async fill(list, { version, body }) {
      const values = [version, body, settings.ttlSec, listKeys[list], leaseKey(list)]
      const filled = await onData((redis) =>
        redis.eval(
          ...([fillScript, 1 + everyListKey.length, versionKey, ...everyListKey] as const),
          ...values,
        ),
      )
      return filled === 1 ? 'filled' : 'refused'
    },
    async announce(version) {
      await onData((redis) =>
        redis.eval(announceScript, 1 + everyListKey.length, versionKey, ...everyListKey, version),
      )
    },
    watch(onEvent) {
      stopWatching = watchVersion(settings.url, data, onEvent, log)
    },
    async ping() {
      await onData((redis) => redis.ping())
    },
    close() {
      stopWatching()
      for (const connection of connections) connection.disconnect()
      return Promise.resolve()
    },
  }
}

const invalidations = '__redis__:invalidate'

/**
 * Watches the version key. RESP2 with a redirect to itself, because ioredis 6 drops RESP3's
 * invalidation pushes without a word; after a reconnect it subscribes again but does not track
 * again, so that is done here on every `ready`.
 */
const watchVersion = (
  url: string,
  data: () => Promise<Redis>,
  onEvent: (event: CacheEvent) => void,
  log: Log,
): (() => void) => {
  const tracking = connectRedis(url, commandTimeoutMs, log, { autoResubscribe: false })
  const canaryKey = `${versionKey}:canary:${randomUUID()}`
  let live = false
  let canaryCameBack = () => {}

  tracking.on('message', (_channel: string, keys: string) => {
    // One message may name several keys, joined by commas; a flush of the database names none.
    const changed = keys.split(',')
    if (changed.includes(canaryKey)) canaryCameBack()
    if (live && (keys === '' || changed.includes(versionKey))) onEvent({ kind: 'changed' })
  })

  const begin = async () => {
    const id = await tracking.client('ID')
    await tracking.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', 'PREFIX', versionKey)
    await tracking.subscribe(invalidations)
    const proven = new Promise<void>((resolve) => (canaryCameBack = resolve))
    await (await data()).set(canaryKey, '1', 'PX', canaryTimeoutMs)
    await withTimeout(canaryTimeoutMs, () => proven)
    live = true
    onEvent({ kind: 'restored' })
  }
  tracking.on('ready', () => {
    begin().catch((error: Error) => {
      log.warn({ reason: error.message }, 'redis does not send invalidations yet')
      tracking.disconnect(true)
    })
  })
  tracking.on('close', () => {
    if (!live) return
    live = false
    onEvent({ kind: 'lost' })
  })
  // A connection whose other end is frozen or gone looks healthy until something is asked of it.
  const pings = setInterval(() => {
    if (!live) return
    withTimeout(commandTimeoutMs, () => tracking.ping()).catch(() => tracking.disconnect(true))
  }, pingIntervalMs)

  return () => {
    clearInterval(pings)
    live = false
    tracking.disconnect()
  }
}
