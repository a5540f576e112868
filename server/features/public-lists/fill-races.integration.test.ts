// Fillers, the worker and Redis in every order they can meet (C3), and how often the store is asked
// when all of them want the same list at once (C6). Against a real Redis; the store is a model.

import { once, EventEmitter } from 'node:events'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { openRedis } from '../../../lib/drivers/redis/connections.ts'
import { eventually } from '../../../testing/eventually.ts'
import { ownRedis } from '../../../testing/services.ts'
import { silentLog } from '../../../testing/settings.ts'
import { createRedisListCache } from '../../../lib/list-cache/redis.ts'
import type { ListSnapshot } from '../../../lib/domain/list.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import { createHotLists } from './hot-list.ts'

const snapshot = (version: number): ListSnapshot => ({ version, body: Buffer.from(`[${version}]`) })

const setUp = async (t: Test) => {
  const service = await ownRedis(t)
  if (!service) return undefined
  const admin = new Redis(service.url)
  t.teardown(() => {
    admin.disconnect()
  })
  const open = () => {
    const cache = createRedisListCache(openRedis(service.url, silentLog), {
      ttlSec: 300,
      poolSize: 1,
    })
    t.teardown(() => cache.close())
    return cache
  }
  return { admin, open }
}

/** Every order of the steps of several actors that keeps each actor's own order. */
function* interleavings(remaining: readonly number[]): Generator<number[]> {
  if (remaining.every((count) => count === 0)) {
    yield []
    return
  }
  for (const [actor, count] of remaining.entries()) {
    if (count === 0) continue
    const less = remaining.map((other, i) => (i === actor ? other - 1 : other))
    for (const rest of interleavings(less)) yield [actor, ...rest]
  }
}

void t.test(
  'in every order of two fillers and a worker, Redis never holds an old list',
  async (t) => {
    const redis = await setUp(t)
    if (!redis) return
    const cache = redis.open()
    let orders = 0
    for (const order of interleavings([3, 3, 2])) {
      orders++
      await redis.admin.flushall()
      await cache.announce(1)
      let committed = 1
      const filler = () => {
        let mayFill = false
        let read: ListSnapshot | undefined
        return [
          async () => {
            mayFill = (await cache.get('newest')).kind === 'fill'
          },
          () => {
            if (mayFill) read = snapshot(committed)
            return Promise.resolve()
          },
          async () => {
            if (read) await cache.fill('newest', read)
          },
        ]
      }
      const worker = [
        () => {
          committed++
          return Promise.resolve()
        },
        () => cache.announce(committed),
      ]
      const actors = [filler(), filler(), worker]
      for (const actor of order) {
        await actors[actor]?.shift()?.()
        const [version, list] = await Promise.all([
          redis.admin.get('{todos}:version'),
          redis.admin.hget('{todos}:limit:1000', 'version'),
        ])
        if (list !== null && list !== version) {
          t.fail(`order ${order.join('')}: the list is of ${list}, the version is ${version}`)
          return
        }
      }
      const answer = await cache.get('newest')
      if (answer.kind === 'hit' && answer.snapshot.version !== 2) {
        t.fail(`order ${order.join('')}: ends with a list of ${answer.snapshot.version}`)
        return
      }
    }
    t.equal(orders, 560)
  },
)

void t.test('the store is asked once per list and version by all processes together', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  let version = 1
  const reads: string[] = []
  const store = {
    async readList(list) {
      reads.push(`${list} ${version}`)
      const read = snapshot(version)
      // A read that takes a while, so that everybody else meets the lease.
      await new Promise((resolve) => setTimeout(resolve, 30))
      return read
    },
  } as Partial<TodoStore> as TodoStore
  const settings = {
    ttlMs: 60_000,
    refreshIntervalMs: 20,
    refreshTimeoutMs: 5_000,
    staleIfErrorMs: 60_000,
    memoryBytesMax: 10_000_000,
  }
  const processes = Array.from({ length: 8 }, () => {
    const lists = createHotLists({
      sources: [{ cache: redis.open(), store }],
      settings,
      log: silentLog,
    })
    t.teardown(() => {
      lists.close()
    })
    return lists
  })
  const worker = redis.open()

  const everybodyFresh = () =>
    eventually(
      () => processes.map((lists) => lists.held()),
      (held) => held.every(({ newest }) => newest.kind === 'fresh' && newest.version === version),
    )
  await everybodyFresh()
  for (let bump = 0; bump < 10; bump++) {
    version++
    await worker.announce(version)
    await everybodyFresh()
  }
  // Emptied caches and many requests at once: still one read.
  await redis.admin.flushall()
  await Promise.all(
    processes.flatMap((lists) => Array.from({ length: 250 }, () => lists.load('all'))),
  )
  await everybodyFresh()

  const newest = reads.filter((read) => read.startsWith('newest'))
  const counts = new Map<string, number>()
  for (const read of reads) counts.set(read, (counts.get(read) ?? 0) + 1)
  // The last version is read twice: once for its own sake, once more after the flush.
  t.equal(counts.get(`newest ${version}`), 2)
  t.equal(newest.length, version + 1)
  t.equal(counts.get(`all ${version}`), 1)
})

void t.test('a storm of changes is coalesced, and the last one is seen', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  let version = 1
  let reads = 0
  const store = {
    readList() {
      reads++
      return Promise.resolve(snapshot(version))
    },
  } as Partial<TodoStore> as TodoStore
  const cache = redis.open()
  const events = new EventEmitter()
  const watchList = cache.watch.bind(cache)
  cache.watch = (onEvent) => {
    watchList((event) => {
      onEvent(event)
      events.emit(event.kind)
    })
  }
  const settings = {
    ttlMs: 60_000,
    refreshIntervalMs: 100,
    refreshTimeoutMs: 5_000,
    staleIfErrorMs: 60_000,
    memoryBytesMax: 10_000_000,
  }
  const restored = once(events, 'restored')
  const lists = createHotLists({ sources: [{ cache, store }], settings, log: silentLog })
  t.teardown(() => {
    lists.close()
  })
  await restored
  const worker = redis.open()
  const bumps = 1_000
  for (let i = 0; i < bumps; i++) {
    version++
    await worker.announce(version)
  }
  const held = await eventually(
    () => lists.held().newest,
    (newest) => newest.kind === 'fresh' && newest.version === version,
  )
  t.match(held, { kind: 'fresh', version })
  t.ok(reads < bumps / 4, `${reads} reads for ${bumps} changes`)
  t.same(lists.source(5)()?.body.toString(), `[${version}]`)
})
