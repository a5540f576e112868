// The list cache in Redis: a list is read from the store once for all processes, and a new version of
// the lists reaches every process that watches (redis-watch.ts).

import { randomUUID } from 'node:crypto'
import { createPoolStats, type PoolStats } from '../runtime/pool-stats.ts'
import type { RedisClient } from '../drivers/redis/client.ts'
import type { RedisConnections } from '../drivers/redis/connections.ts'
import type { Script } from '../drivers/redis/scripts.ts'
import type { ListName } from '../domain/list.ts'
import type { ListCache } from './list-cache.ts'
import {
  announceScript,
  fillScript,
  getScript,
  knownScript,
  overruleScript,
} from './redis-scripts.ts'
import { createPlainLists } from './redis-plain-lists.ts'
import { watchVersion, type Watching } from './redis-watch.ts'

export type RedisCacheSettings = {
  readonly ttlSec: number
  /** Data connections of this process (in a cluster: to each master); they take turns. */
  readonly poolSize: number
  /** Whose lists they are, where todos are in several databases: each has versions of its own. */
  readonly shard?: string | undefined
  /** Told how much they are used. */
  readonly use?: PoolStats
}

// One hash tag: Redis Cluster refuses a script whose keys are in different slots.
//
// The release before had the same names without it, and its processes run beside ours while this
// one is rolled out. Each receives announcements under its own names only. A server whose workers
// are all of the other release finds versions in Postgres that were not announced to it
// (witness.ts). Its lists are unverified, and read from Postgres, until a worker of its own release
// runs or it is replaced itself.
// The whole list is under another name than in the release before, which would serve the empty body
// of one that is too long.
const keysOf = (shard: string | undefined) => {
  const tag = shard === undefined ? '{todos}' : `{todos:${shard}}`
  const version = `${tag}:version`
  const lists = { newest: `${tag}:limit:1000`, all: `${tag}:whole` } as const satisfies Record<
    ListName,
    string
  >
  const leaseOf = (list: ListName) => `${tag}:filling:${list}`
  return {
    version,
    lists,
    leaseOf,
    canaryPrefix: `${tag}:canary:`,
    every: [version, ...Object.values(lists), leaseOf('newest'), leaseOf('all')] as const,
  }
}

const commandTimeoutMs = 500
/** A filler that dies leaves its lease for this long; nobody else asks Postgres meanwhile. */
const leaseMs = 2_000

export const createRedisListCache = (
  redis: RedisConnections,
  settings: RedisCacheSettings,
): ListCache => {
  const { ttlSec, poolSize, shard } = settings
  const keys = keysOf(shard)
  const clients = Array.from({ length: poolSize }, () =>
    redis.connect({ timeoutMs: commandTimeoutMs }),
  )
  let turn = 0
  const use = settings.use ?? createPoolStats()
  use.size = poolSize
  const onData = async <T>(work: (client: RedisClient) => Promise<T>): Promise<T> => {
    use.inFlight++
    try {
      return await work(clients[turn++ % poolSize] as RedisClient)
    } finally {
      use.inFlight--
    }
  }
  const evaluate = (script: Script, ...values: (string | number | Buffer)[]) =>
    onData((client) => client.evaluate({ script, keys: keys.every, values }))
  const pingKey = `${keys.canaryPrefix}ping:${randomUUID()}`
  const plainLists = createPlainLists(onData, ttlSec, shard)
  let watching: Watching | undefined

  return {
    async get(list) {
      const evaluation = {
        script: getScript,
        keys: [keys.version, keys.lists[list], keys.leaseOf(list)],
        values: [leaseMs],
      } as const
      const found = await onData((client) => client.evaluateBuffers(evaluation))
      const [kind, version, body] = found as Buffer[]
      if (version && body) return { kind: 'hit', snapshot: { version: Number(version), body } }
      return { kind: kind?.toString() === 'fill' ? 'fill' : 'wait' }
    },
    async fill(list, snapshot) {
      const { version, body } = snapshot
      const filled = await evaluate(
        fillScript,
        version,
        body,
        ttlSec,
        keys.lists[list],
        keys.leaseOf(list),
      )
      if (filled !== 1) return 'refused'
      plainLists.copy(list, snapshot)
      return 'filled'
    },
    announce: async (version) => Number(await evaluate(announceScript, version)),
    // Of one key: while its slot moves, a script with keys that are not there is put off.
    async known() {
      const evaluation = { script: knownScript, keys: [keys.version], values: [] } as const
      return Number(await onData((client) => client.evaluate(evaluation)))
    },
    async overrule(known, version) {
      const isOverruled = await evaluate(overruleScript, known, version)
      if (isOverruled === 1) await plainLists.drop()
    },
    watch(onEvent) {
      watching = watchVersion(
        { redis, versionKey: keys.version, canaryPrefix: keys.canaryPrefix, clients },
        onEvent,
      )
    },
    reconnect() {
      const reason = 'it may be another Redis than the one that is announced to'
      for (const client of clients) client.replace(reason)
      watching?.reconnect(reason)
    },
    // A Redis that answers PING may refuse every write: a replica, one out of memory or of disk.
    async ping() {
      await Promise.all(
        clients.map((one) => one.run(pingKey, (redis) => redis.set(pingKey, '1', 'PX', pingKeyMs))),
      )
    },
    close() {
      plainLists.close()
      watching?.stop()
      for (const client of clients) client.close()
      return Promise.resolve()
    },
  }
}

const pingKeyMs = 1_000
