// A Redis in cluster mode refuses every script and command whose keys are not all in one slot: none of
// ours is refused. One node with all slots is enough for that.

import { EventEmitter, once } from 'node:events'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { openRedis } from '../../lib/drivers/redis/connections.ts'
import { createRedisListCache } from '../../lib/list-cache/redis.ts'
import { createRedisPageCache } from '../../lib/page-cache/redis.ts'
import { createRedisLimitStore } from '../../lib/rate-limit/redis.ts'
import { startRedis } from '../../scripts/stack/redis.ts'
import { eventually } from '../eventually.ts'
import { orSkip, testDirectory } from '../services.ts'
import { silentLog } from '../settings.ts'

const startCluster = (t: Test) =>
  orSkip(t, async () => {
    const service = await startRedis({ directory: await testDirectory(t), isClusterNode: true })
    const admin = new Redis(service.url)
    t.teardown(async () => {
      admin.disconnect()
      await service.stop()
    })
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await eventually(
      () => admin.call('CLUSTER', 'INFO').then(String),
      (info) => info.includes('cluster_state:ok'),
    )
    return { admin, redis: openRedis(service.url, silentLog) }
  })

void t.test('in cluster mode no script of ours is refused', async (t) => {
  const cluster = await startCluster(t)
  if (!cluster) return
  const { admin, redis } = cluster
  t.teardown(redis.close)
  await t.rejects(
    admin.eval("return redis.call('GET', KEYS[1])", 2, 'todos:version', 'todos:all'),
    /CROSSSLOT/,
    'it refuses what others would take',
  )

  await t.test('lists', async (t) => {
    const cache = createRedisListCache(redis, { ttlSec: 300, poolSize: 2 })
    t.teardown(() => cache.close())
    const events = new EventEmitter()
    const restored = once(events, 'restored')
    cache.watch((event) => events.emit(event.kind))
    await restored
    const changed = once(events, 'changed')
    t.equal(await cache.announce(7), 7)
    await changed
    for (const list of ['newest', 'all'] as const) {
      t.same(await cache.get(list), { kind: 'fill' })
      const snapshot = { version: 7, body: Buffer.from('[]') }
      t.equal(await cache.fill(list, snapshot), 'filled')
      t.same(await cache.get(list), { kind: 'hit', snapshot })
    }
    for (const key of ['todos:limit:10', 'todos:limit:100', 'todos:limit:1000', 'todos:all']) {
      await eventually(
        () => admin.get(key),
        (found) => found === '[]',
      )
    }
    await cache.overrule(7, 6)
    t.equal(await admin.get('todos:limit:10'), null)
    t.equal(await cache.known(), 6)
    await cache.ping()
  })

  await t.test('pages, of users whose names are braces, too', async (t) => {
    const cache = createRedisPageCache(redis, { ttlSec: 300 }, silentLog)
    t.teardown(() => cache.close())
    const users = ['ann', 'bob', '}', '{', '{}', 'a}b{c', '']
    for (const userId of users) {
      const page = { owner: `user:${userId}` as const, limit: 10, page: 1 }
      await cache.get(page)
      const snapshot = { version: 1, total: 1, body: Buffer.from(userId) }
      await cache.fill(page, snapshot)
      t.same(await cache.get(page), snapshot, `"${userId}"`)
    }
    await cache.changed(new Map(users.map((userId) => [`user:${userId}` as const, 2])))
    for (const userId of users) {
      const version = await admin.get(`{user:${encodeURIComponent(userId)}}:version`)
      t.equal(version, '2', `the change of "${userId}" was told`)
      t.equal(await cache.get({ owner: `user:${userId}`, limit: 10, page: 1 }), undefined)
    }
  })

  await t.test('limits', async (t) => {
    const limits = createRedisLimitStore(redis, 5_000)
    t.teardown(() => limits.close())
    await limits.open()
    for (const algorithm of ['token-bucket', 'sliding-window'] as const) {
      for (const key of ['ann', '{', '{}', '{a}{b}']) {
        const policy = { name: algorithm, algorithm, limit: 10, windowSec: 60 }
        t.match(await limits.take(policy, key), { allowed: true }, `${algorithm} of "${key}"`)
      }
    }
  })
})
