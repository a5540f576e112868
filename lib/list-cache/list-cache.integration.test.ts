// What every list cache promises, run against both drivers: real Redis, in each way in which it is run, and
// real Postgres.

import { EventEmitter, once } from 'node:events'
import t, { type Test } from 'tap'
import { databasesAt } from '../../testing/databases.ts'
import { redisTopologies, testRedis } from '../../testing/redis-topologies.ts'
import { testDatabase } from '../../testing/services.ts'
import type { ListSnapshot } from '../domain/list.ts'
import type { CacheEvent, ListCache } from './list-cache.ts'
import { createPostgresListCache } from './postgres.ts'
import { createRedisListCache } from './redis.ts'

/** Opens one more cache on the same backend, as another process would. */
type Open = () => ListCache
type Backend = (t: Test) => Promise<Open | undefined>

const inRedis =
  (start: (t: Test) => Promise<string | undefined>): Backend =>
  async (t) => {
    const url = await start(t)
    if (url === undefined) return undefined
    return () => createRedisListCache(testRedis(t, url), { ttlSec: 300, poolSize: 1 })
  }

const backends: Record<string, Backend> = {
  ...Object.fromEntries(
    Object.entries(redisTopologies).map(([name, start]) => [name, inRedis(start)]),
  ),
  async postgres(t) {
    const url = await testDatabase(t)
    return () => createPostgresListCache(databasesAt(url))
  },
}

const snapshot = (version: number): ListSnapshot => ({
  version,
  body: Buffer.from(`["version ${version}: ünïcode"]`),
})

/** The events of a cache, as an emitter that a test can wait on. */
const watched = (cache: ListCache): EventEmitter => {
  const events = new EventEmitter()
  cache.watch((event: CacheEvent) => events.emit(event.kind))
  return events
}

for (const [name, backend] of Object.entries(backends)) {
  void t.test(`the ${name} list cache`, async (t) => {
    const open = await backend(t)
    if (!open) return
    const opened = () => {
      const cache = open()
      t.teardown(() => cache.close())
      return cache
    }

    await t.test('begins with the proof that changes are noticed', async (t) => {
      const events = watched(opened())
      await once(events, 'restored')
      t.pass('restored')
    })

    await t.test('tells every process of a version announced by another', async (t) => {
      const caches = [opened(), opened(), opened()]
      const events = caches.map(watched)
      await Promise.all(events.map((one) => once(one, 'restored')))
      const noticed = events.map((one) => once(one, 'changed'))
      await opened().announce(1_000)
      await Promise.all(noticed)
      t.pass('all noticed')
    })

    await t.test('refuses a fill that was read before the version moved', async (t) => {
      const cache = opened()
      const filler = opened()
      const events = watched(filler)
      await once(events, 'restored')
      const before = once(events, 'changed')
      await cache.announce(2_000)
      await before
      await filler.get('newest')
      const moved = once(events, 'changed')
      await cache.announce(2_001)
      await moved
      t.equal(await filler.fill('newest', snapshot(2_000)), 'refused')
      t.equal(await filler.fill('newest', snapshot(2_001)), 'filled')
    })

    await t.test('lets an older announcement change nothing', async (t) => {
      const cache = opened()
      await cache.announce(3_001)
      await cache.announce(3_000)
      t.equal(await cache.fill('newest', snapshot(3_000)), 'refused')
    })

    await t.test('answers a ping', async (t) => {
      const cache = opened()
      await once(watched(cache), 'restored')
      await t.resolves(cache.ping())
    })
  })
}
