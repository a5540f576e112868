// Lists in memory, real Redis, a model of Postgres and of the worker: whatever keeps an announcement from
// arriving, a list is not called fresh for long while Postgres has a later one, and is right soon.

import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { openRedis } from '../../../lib/drivers/redis/connections.ts'
import { databasesAt } from '../../../testing/databases.ts'
import { announceVersion } from '../../../lib/list-cache/announce.ts'
import { createPostgresListCache } from '../../../lib/list-cache/postgres.ts'
import { createRedisListCache } from '../../../lib/list-cache/redis.ts'
import type { ListCache } from '../../../lib/list-cache/list-cache.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import { createLog } from '../../../lib/runtime/log.ts'
import { testGate } from '../../../testing/gate.ts'
import { eventually } from '../../../testing/eventually.ts'
import { ownRedis, testDatabase } from '../../../testing/services.ts'
import { silentLog } from '../../../testing/settings.ts'
import { createHotLists } from './hot-list.ts'

const settings = {
  ttlMs: 600_000,
  refreshIntervalMs: 20,
  refreshTimeoutMs: 5_000,
  staleIfErrorMs: 600_000,
  memoryBytesMax: 10_000_000,
}

/** A log whose warnings and news are kept. */
const kept = () => {
  const lines: string[] = []
  const note = (_fields: unknown, message: string) => lines.push(message)
  const log = Object.assign(Object.create(silentLog) as ReturnType<typeof createLog>, {
    warn: note,
    info: note,
  })
  return { log, lines }
}

/** `first`: its version before anything was written. */
const setUp = (t: Test, cache: ListCache, first = 1_000) => {
  const state = { version: first, isAvailable: true, reads: 0 }
  const read = <T>(make: () => T): Promise<T> =>
    state.isAvailable ? Promise.resolve(make()) : Promise.reject(new Error('no Postgres'))
  const store = {
    listVersion: () => read(() => state.version),
    readList: () =>
      read(() => {
        state.reads++
        return { version: state.version, body: Buffer.from(`["of version ${state.version}"]`) }
      }),
  } as Partial<TodoStore> as TodoStore
  const { log, lines } = kept()
  const lists = createHotLists({ sources: [{ cache, store }], settings, log })
  t.teardown(() => {
    lists.close()
  })
  const isRight = () =>
    eventually(
      () => lists.source(5)()?.body.toString(),
      (body) => body === `["of version ${state.version}"]`,
    )
  const isVerified = () =>
    eventually(
      () => ({ trust: lists.trust(), newest: lists.held().newest }),
      ({ trust, newest }) =>
        trust.kind === 'verified' && newest.kind === 'fresh' && newest.version === state.version,
    )
  const isUnverified = (reason: RegExp) =>
    eventually(lists.trust, (trust) => trust.kind === 'unverified' && reason.test(trust.reason))
  return { state, store, lists, lines, isRight, isVerified, isUnverified }
}

const redisCache = async (t: Test) => {
  const service = await ownRedis(t)
  if (!service) return undefined
  const open = (port = service.port) => {
    const url = `redis://127.0.0.1:${port}/0`
    const cache = createRedisListCache(openRedis(url, silentLog), { ttlSec: 300, poolSize: 1 })
    t.teardown(() => cache.close())
    return cache
  }
  const admin = new Redis(service.url)
  t.teardown(() => {
    admin.disconnect()
  })
  return { open, admin, port: service.port }
}

void t.test('a worker whose announcements go nowhere', async (t) => {
  const redis = await redisCache(t)
  if (!redis) return
  const { state, store, lists, lines, isRight, isVerified, isUnverified } = setUp(t, redis.open())
  const worker = redis.open()
  await announceVersion(store, worker)
  await isVerified()
  for (let write = 0; write < 3; write++) {
    state.version++ // and nobody says so
    await isRight()
    await isUnverified(/version \d+ .* was not announced/)
    t.equal(lists.held().newest.kind, 'stale')
  }
  await announceVersion(store, worker)
  await isVerified()
  t.match(
    lines,
    [/list invalidations unavailable/, /list invalidations available again/],
    'one line each',
  )
  t.equal(lines.length, 2)
})

void t.test('a worker of the release before, which announces under its own names', async (t) => {
  const redis = await redisCache(t)
  if (!redis) return
  const { admin } = redis
  const { state, store, isRight, isVerified, isUnverified } = setUp(t, redis.open())
  const worker = redis.open()
  await announceVersion(store, worker)
  await isVerified()
  state.version++
  await admin.set('todos:version', state.version)
  await isRight()
  await isUnverified(/was not announced/)
  await announceVersion(store, worker)
  await isVerified()
})

void t.test('an old master that still takes writes, and keeps connections open', async (t) => {
  const [old, next] = [await redisCache(t), await redisCache(t)]
  if (!old || !next) return
  const gate = await testGate(t, old.port)
  const { state, store, lines, isRight, isVerified, isUnverified } = setUp(t, old.open(gate.port))
  await isVerified()
  gate.leadTo(next.port)
  const worker = next.open()
  state.version++
  await announceVersion(store, worker)
  await isRight()
  await isUnverified(/was not announced/)
  await isVerified()
  state.version++
  await announceVersion(store, worker)
  await isVerified()
  t.equal(lines.length, 2, 'one line each')
})

void t.test(
  'while unverified, Postgres is read at a bounded rate however many changes',
  async (t) => {
    const redis = await redisCache(t)
    if (!redis) return
    const { state, isRight, isVerified, isUnverified } = setUp(t, redis.open())
    await isVerified()
    await redis.admin.config('SET', 'maxmemory', '1mb')
    await isUnverified(/OOM/)
    const before = state.reads
    for (let write = 0; write < 300; write++) {
      state.version++
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await isRight()
    // 1.5 s and more of changes, and one read a second.
    t.ok(state.reads - before < 50, `${state.reads - before} reads for 300 changes`)
    await redis.admin.config('SET', 'maxmemory', '0')
    await isVerified()
  },
)

void t.test('Postgres unavailable: what is fresh stays so, for nothing changes', async (t) => {
  const redis = await redisCache(t)
  if (!redis) return
  const { state, lists, isVerified } = setUp(t, redis.open())
  await isVerified()
  state.isAvailable = false
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  t.equal(lists.trust().kind, 'verified')
  t.equal(lists.held().newest.kind, 'fresh')
  state.isAvailable = true
  state.version++
  await eventually(
    () => lists.source(5)()?.body.toString(),
    (body) => body === `["of version ${state.version}"]`,
  )
})

void t.test('a Redis that holds the lists of another database is overruled', async (t) => {
  const redis = await redisCache(t)
  if (!redis) return
  const { admin } = redis
  const { state, lines, isRight, isVerified } = setUp(t, redis.open())
  await isVerified()
  for (const claimed of [state.version + 1, 2_000_000, Number.MAX_SAFE_INTEGER]) {
    await admin
      .multi()
      .hset('{todos}:limit:1000', { version: claimed, body: '["of another database"]' })
      .set('{todos}:version', claimed)
      .exec()
    // Without a worker: the server does it itself.
    await eventually(
      () => admin.get('{todos}:version'),
      (version) => version === String(state.version),
    )
    await isRight()
    await isVerified()
  }
  t.match(lines.join(), /overwritten/)
})

void t.test('a Redis that comes back empty, or from an old file', async (t) => {
  const redis = await redisCache(t)
  if (!redis) return
  const { admin } = redis
  const { state, store, isRight, isVerified } = setUp(t, redis.open())
  await announceVersion(store, redis.open())
  await isVerified()
  for (const restore of [
    () => admin.flushall(),
    () =>
      admin
        .multi()
        .flushall()
        .hset('{todos}:limit:1000', { version: 7, body: '["of an old file"]' })
        .set('{todos}:version', 7)
        .exec(),
    () => admin.del('{todos}:version', '{todos}:limit:1000', '{todos}:filling:newest'),
  ]) {
    await restore()
    state.version++
    await isRight()
    await isVerified()
    t.equal(await admin.get('{todos}:version'), String(state.version))
  }
})

void t.test('a database that went back is not called fresh', async (t) => {
  const redis = await redisCache(t)
  if (!redis) return
  const { state, store, isVerified, isUnverified, isRight } = setUp(t, redis.open())
  const worker = redis.open()
  await announceVersion(store, worker)
  await isVerified()
  await new Promise((resolve) => setTimeout(resolve, 1_100)) // Postgres was asked
  state.version -= 10
  await isUnverified(/went back/)
  state.version += 100 // what the message tells to do
  await announceVersion(store, worker)
  await isVerified()
  await isRight()
})

void t.test('Postgres notifications that never arrive', async (t) => {
  const url = await testDatabase(t)
  const caches = [
    createPostgresListCache(databasesAt(url)),
    createPostgresListCache(databasesAt(url)),
  ] as const
  for (const cache of caches) t.teardown(() => cache.close())
  const { state, store, isRight, isVerified, isUnverified } = setUp(t, caches[0])
  await isVerified()
  state.version++
  await isRight()
  await isUnverified(/was not announced/)
  await announceVersion(store, caches[1])
  await isVerified()
  // What is no version changes nothing, and one that the database has not is no version of it.
  const other = createPostgresListCache(databasesAt(url))
  t.teardown(() => other.close())
  await other.announce(9_000_000)
  await eventually(
    () => caches[0].known(),
    (known) => known === state.version,
  )
  state.version++
  await announceVersion(store, caches[1])
  await isVerified()
})
