// Pages in Redis, each with the version it was read under, and one version for each owner. A page is
// handed out only while its version is the owner's, so one write ends all of them, and none is
// searched for. What is out of date leaves by its age.

import { randomUUID } from 'node:crypto'
import type { Log } from '../runtime/log.ts'
import type { RedisConnections } from '../drivers/redis/connections.ts'
import type { PageName, PageOwner } from '../domain/page.ts'
import type { PageCache } from './page-cache.ts'
import { changedScript, fillScript, getScript, raiseOlderScript } from './redis-scripts.ts'

/** Postgres takes a few ms for a page: longer than this a cache is no help. */
const commandTimeoutMs = 200
/** Invalidations that were refused are sent again this often, and a canary is written. */
const retryMs = 1_000
/**
 * After a failure no page is believed, and nobody waits, for this long. Redis may have refused
 * changes of other processes, which repeat them every second, on a connection that is replaced
 * every 2 s at most.
 */
const unavailableMs = 5_000
/** An owner's version outlives every page, and whoever fills one in. */
const versionOutlivesSec = 60
/** Owners with unacknowledged invalidations. Past it, pages of an owner stay until they expire. */
const pendingInvalidationsMax = 100_000
const versionsPerPipeline = 500
/** A page of ten with long texts. Larger ones would crowd out limits and lists, which share this Redis. */
const bodyBytesMax = 64 * 1024

// `user:ID` or `team:ID`; a user id may hold a colon, or a brace.
const keysOf = (owner: PageOwner) => {
  const end = owner.indexOf(':')
  return `{${owner.slice(0, end)}:${encodeURIComponent(owner.slice(end + 1))}}`
}
const versionKey = (owner: PageOwner) => `${keysOf(owner)}:version`
const pageKey = ({ owner, limit, page }: PageName) => `${keysOf(owner)}:limit:${limit}:page:${page}`

/**
 * Version key of the release before: it has no hash tag, and is none of a team. Its processes run beside
 * ours during a rollout. What either of them invalidates is invalid for both: we raise its version, and
 * believe no page that is older than it. The next release can drop it.
 */
const olderVersionKey = (owner: PageOwner) => `todos:${keysOf(owner).replace(/[{}]/g, '')}:version`

export const createRedisPageCache = (
  redis: RedisConnections,
  { ttlSec }: { readonly ttlSec: number },
  log: Log,
): PageCache => {
  const client = redis.connect({ timeoutMs: commandTimeoutMs })
  const versionTtlSec = ttlSec + versionOutlivesSec
  const pendingInvalidations = new Map<PageOwner, number>()
  const canaryKey = `{todos}:canary:pages:${randomUUID()}`
  let unavailableUntilMs = 0
  const isUnavailable = () => performance.now() < unavailableUntilMs

  /** Undefined when it fails. */
  const ask = async <T>(command: () => Promise<unknown>): Promise<T | undefined> => {
    try {
      return (await command()) as T
    } catch (error) {
      unavailableUntilMs = performance.now() + unavailableMs
      log.debug({ reason: (error as Error).message }, 'redis unavailable: pages come from Postgres')
      return undefined
    }
  }

  const invalidate = async (versions: readonly (readonly [PageOwner, number])[]) => {
    for (let i = 0; i < versions.length; i += versionsPerPipeline) {
      const some = versions.slice(i, i + versionsPerPipeline)
      const answer = await ask(() => raise(some))
      for (const [owner, version] of some) {
        const latest = Math.max(version, pendingInvalidations.get(owner) ?? version)
        if (answer === undefined) remember(owner, latest)
        else if (latest === version) pendingInvalidations.delete(owner)
      }
    }
  }

  const raise = async (versions: readonly (readonly [PageOwner, number])[]) => {
    const outcomes = await client.evaluateAll(
      versions.flatMap(([owner, version]) => {
        const values = [versionTtlSec, version]
        return [
          { script: changedScript, keys: [versionKey(owner)], values },
          { script: raiseOlderScript, keys: [olderVersionKey(owner)], values },
        ]
      }),
    )
    for (const [i, one] of outcomes.entries()) if (!one.isDone && i % 2 === 0) throw one.error
    return outcomes
  }

  const remember = (owner: PageOwner, version: number) => {
    pendingInvalidations.set(owner, Math.max(version, pendingInvalidations.get(owner) ?? version))
    const [oldest] = pendingInvalidations.keys()
    if (pendingInvalidations.size > pendingInvalidationsMax && oldest !== undefined)
      pendingInvalidations.delete(oldest)
  }

  let isRetrying = false
  const retry = async () => {
    if (isRetrying) return
    isRetrying = true
    if (pendingInvalidations.size > 0) await invalidate([...pendingInvalidations])
    // Others may be refused while this process asks for nothing: their changes are not there yet then.
    else await ask(() => client.run(canaryKey, (redis) => redis.set(canaryKey, '1', 'PX', retryMs)))
    isRetrying = false
  }
  const again = setInterval(() => void retry(), retryMs)
  again.unref()

  return {
    async get(page) {
      if (isUnavailable() || pendingInvalidations.has(page.owner)) return undefined
      const keys = [versionKey(page.owner), pageKey(page)] as const
      const older = olderVersionKey(page.owner)
      const found = await ask<[Buffer[], string | null]>(() =>
        Promise.all([
          client.evaluateBuffers({ script: getScript, keys, values: [versionTtlSec] }),
          client.run(older, (redis) => redis.get(older)).catch(() => null),
        ]),
      )
      const [[version, total, body] = [], olderVersion] = found ?? []
      if (Number(olderVersion) > Number(version)) return undefined
      // While it was asked for, the owner's todos may have changed, and the invalidation may be lost.
      if (!version || !total || !body || isUnavailable() || pendingInvalidations.has(page.owner))
        return undefined
      return { version: Number(version), total: Number(total), body }
    },
    async fill(page, { version, total, body }) {
      if (isUnavailable() || body.length > bodyBytesMax) return
      const keys = [versionKey(page.owner), pageKey(page)] as const
      const values = [version, total, body, ttlSec, versionTtlSec]
      await ask(() => client.evaluate({ script: fillScript, keys, values }))
    },
    async changed(versions) {
      if (!isUnavailable()) await invalidate([...versions])
      else for (const [owner, version] of versions) remember(owner, version)
    },
    async forget(owners) {
      for (const owner of owners) {
        pendingInvalidations.delete(owner)
        // Without a version no page is believed. Two commands: in a cluster they are in different slots.
        for (const key of [versionKey(owner), olderVersionKey(owner)])
          await ask(() => client.run(key, (redis) => redis.unlink(key)))
      }
    },
    async close() {
      clearInterval(again)
      if (pendingInvalidations.size > 0) await invalidate([...pendingInvalidations])
      client.close()
    },
  }
}
