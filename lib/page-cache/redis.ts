// Pages in Redis, each with the version it was read under, and one version for each user: a page is
// handed out only while its version is the user's, so one write ends all of them, and none is
// searched for. What is out of date leaves by its age.

import { randomUUID } from 'node:crypto'
import type { Log } from '../runtime/log.ts'
import type { Redis } from '../drivers/redis/connection.ts'
import type { RedisConnections } from '../drivers/redis/connections.ts'
import type { PageName } from '../domain/page.ts'
import type { PageCache } from './page-cache.ts'

/** Postgres takes a few ms for a page: longer than this a cache is no help. */
const commandTimeoutMs = 200
/** Changes that were refused are told again this often, and a canary is written. */
const tellAgainMs = 1_000
/**
 * After a failure no page is believed, and nobody waits, for this long: Redis may have refused changes of
 * other processes, which tell them again every second, on a connection that is replaced every 2 s at most.
 */
const unavailableMs = 5_000
/** A user's version outlives every page, and whoever fills one in. */
const versionOutlivesSec = 60
/** Changes that were not heard yet, of so many users. Of the others, pages live as long as they live. */
const unheardMax = 100_000
const versionsPerCommand = 500
/** A page of ten with long texts. Larger ones would crowd out limits and lists, which share this Redis. */
const bodyBytesMax = 64 * 1024

// A user id may hold a colon.
const keysOf = (userId: string) => `todos:user:${encodeURIComponent(userId)}`
const versionKey = (userId: string) => `${keysOf(userId)}:version`
const pageKey = ({ userId, limit, page }: PageName) =>
  `${keysOf(userId)}:limit:${limit}:page:${page}`

// Whatever somebody else has put under a version's key is no version, and is replaced.
const knownFunction = `
local function known(key)
  local text = redis.pcall('GET', key)
  if type(text) ~= 'string' or #text > 16 or not string.match(text, '^-?%d+$') then return nil end
  local version = tonumber(text)
  if version > 9007199254740991 then return nil end
  return version
end`

// Without a version nothing is believed, neither a page nor a fill: it may have been forgotten, with
// the announcement of a change. Asking for a page begins one, below every version. And each time it is
// written: a Redis that refuses writes (a replica, one out of memory) has refused announcements, too,
// and its pages may be of before them. KEYS: version, page; ARGV: the version's ttl.
const getScript = `${knownFunction}
local version = known(KEYS[1])
redis.call('SET', KEYS[1], string.format('%.0f', version or -1), 'EX', ARGV[1])
if not version then return {} end
local page = redis.pcall('HMGET', KEYS[2], 'version', 'total', 'body')
if not page[1] or tonumber(page[1]) ~= version then return {} end
return page`

// KEYS: version, page; ARGV: version, total, body, ttl, the version's ttl.
const fillScript = `${knownFunction}
local version = known(KEYS[1])
if not version or tonumber(ARGV[1]) < version then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[5])
redis.call('UNLINK', KEYS[2])
redis.call('HSET', KEYS[2], 'version', ARGV[1], 'total', ARGV[2], 'body', ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return 1`

// KEYS: versions; ARGV: their ttl, then the new one for each.
const changedScript = `${knownFunction}
for i, key in ipairs(KEYS) do
  local version = known(key) or -1
  if tonumber(ARGV[i + 1]) > version then redis.call('SET', key, ARGV[i + 1], 'EX', ARGV[1]) end
end
return 1`

export const createRedisPageCache = (
  redis: RedisConnections,
  { ttlSec }: { readonly ttlSec: number },
  log: Log,
): PageCache => {
  const connection = redis.connect({ timeoutMs: commandTimeoutMs })
  const versionTtlSec = ttlSec + versionOutlivesSec
  const unheard = new Map<string, number>()
  const canaryKey = `todos:canary:pages:${randomUUID()}`
  let unavailableUntilMs = 0
  const isUnavailable = () => performance.now() < unavailableUntilMs

  /** Undefined when it fails. */
  const ask = async <T>(command: (redis: Redis) => Promise<unknown>): Promise<T | undefined> => {
    try {
      return (await connection.run(command)) as T
    } catch (error) {
      unavailableUntilMs = performance.now() + unavailableMs
      log.debug({ reason: (error as Error).message }, 'redis unavailable: pages come from Postgres')
      return undefined
    }
  }

  const tell = async (versions: readonly (readonly [string, number])[]) => {
    for (let i = 0; i < versions.length; i += versionsPerCommand) {
      const some = versions.slice(i, i + versionsPerCommand)
      const keys = some.map(([userId]) => versionKey(userId))
      const values = some.map(([, version]) => version)
      const answer = await ask((redis) =>
        redis.eval(changedScript, keys.length, ...keys, versionTtlSec, ...values),
      )
      for (const [userId, version] of some) {
        const latest = Math.max(version, unheard.get(userId) ?? version)
        if (answer === undefined) remember(userId, latest)
        else if (latest === version) unheard.delete(userId)
      }
    }
  }

  const remember = (userId: string, version: number) => {
    unheard.set(userId, Math.max(version, unheard.get(userId) ?? version))
    const [oldest] = unheard.keys()
    if (unheard.size > unheardMax && oldest !== undefined) unheard.delete(oldest)
  }

  let tellingAgain = false
  const tellAgain = async () => {
    if (tellingAgain) return
    tellingAgain = true
    if (unheard.size > 0) await tell([...unheard])
    // Others may be refused while this process asks for nothing: their changes are not there yet then.
    else await ask((redis) => redis.set(canaryKey, '1', 'PX', tellAgainMs))
    tellingAgain = false
  }
  const again = setInterval(() => void tellAgain(), tellAgainMs)
  again.unref()

  return {
    async get(page) {
      if (isUnavailable() || unheard.has(page.userId)) return undefined
      const keys = [versionKey(page.userId), pageKey(page)] as const
      const found = await ask<Buffer[]>((redis) =>
        redis.callBuffer('EVAL', getScript, keys.length, ...keys, versionTtlSec),
      )
      const [version, total, body] = found ?? []
      // While it was asked for, the user's todos may have changed with nobody to hear of it.
      if (!version || !total || !body || isUnavailable() || unheard.has(page.userId))
        return undefined
      return { version: Number(version), total: Number(total), body }
    },
    async fill(page, { version, total, body }) {
      if (isUnavailable() || body.length > bodyBytesMax) return
      const keys = [versionKey(page.userId), pageKey(page)] as const
      const values = [version, total, body, ttlSec, versionTtlSec]
      await ask((redis) => redis.eval(fillScript, keys.length, ...keys, ...values))
    },
    async changed(versions) {
      if (!isUnavailable()) await tell([...versions])
      else for (const [userId, version] of versions) remember(userId, version)
    },
    async close() {
      clearInterval(again)
      if (unheard.size > 0) await tell([...unheard])
      connection.close()
    },
  }
}
