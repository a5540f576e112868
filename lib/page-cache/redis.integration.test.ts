// Pages in a real Redis: none that was read before a change is handed out after the word of it, in
// whatever order readers, the worker, a flush and an outage come.

import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { openRedis } from '../drivers/redis/connections.ts'
import { eventually } from '../../testing/eventually.ts'
import { ownRedis } from '../../testing/services.ts'
import { silentLog } from '../../testing/settings.ts'
import { seeded } from '../../testing/seeded.ts'
import type { PageSnapshot } from '../domain/page.ts'
import { createRedisPageCache } from './redis.ts'

const page = (userId: string, limit = 10, page = 1) => ({
  owner: `user:${userId}` as const,
  limit,
  page,
})
const snapshot = (version: number, total = 1): PageSnapshot => ({
  version,
  total,
  body: Buffer.from(`["v${version}"]`),
})
const versionOf = (user: string, version: number) => new Map([[`user:${user}` as const, version]])

const setUp = async (t: Test, ttlSec = 300) => {
  const service = await ownRedis(t)
  if (!service) return undefined
  const admin = new Redis(service.url, { maxRetriesPerRequest: 0, commandTimeout: 1_000 })
  admin.on('error', () => {})
  t.teardown(() => {
    admin.disconnect()
  })
  const open = () => {
    const cache = createRedisPageCache(openRedis(service.url, silentLog), { ttlSec }, silentLog)
    t.teardown(() => cache.close())
    return cache
  }
  return { service, admin, open }
}

void t.test('a page that was filled in is there for every process, until a change', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const [first, second] = [redis.open(), redis.open()]
  const name = page('ann', 20, 3)
  t.equal(await first.get(name), undefined)
  await first.fill(name, snapshot(1_795_000_000_000_007, 45))
  t.same(await second.get(name), snapshot(1_795_000_000_000_007, 45))
  t.same(await redis.admin.exists('{user:ann}:limit:20:page:3'), 1, 'under its name')
  for (const other of [page('ann', 20, 2), page('ann', 10, 3), page('bob', 20, 3)]) {
    t.equal(await second.get(other), undefined)
  }
  await first.fill(page('ann'), snapshot(1_795_000_000_000_007, 45))
  await second.changed(versionOf('ann', 1_795_000_000_000_008))
  t.equal(await first.get(name), undefined)
  t.equal(await first.get(page('ann')), undefined, 'all of them at once')
  await second.changed(versionOf('ann', 1_795_000_000_000_007))
  await first.fill(name, snapshot(1_795_000_000_000_007))
  t.equal(await second.get(name), undefined, 'an older fill is refused')
})

void t.test('a process that was held up does not take Redis for away', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const cache = redis.open()
  await cache.get(page('ann'))
  await cache.fill(page('ann'), snapshot(1))
  const found = cache.get(page('ann'))
  await new Promise((resolve) => process.nextTick(resolve)) // it is sent
  const endMs = performance.now() + 500
  while (performance.now() < endMs);
  t.same(await found, snapshot(1))
})

void t.test('what a user is called can not name pages of another', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const cache = redis.open()
  const names = ['a', 'a:limit:10:page:1', 'a:version', '', '%3A', ':', 'ü\u{1F600}', '*', 'a b']
  for (const [i, user] of names.entries()) {
    await cache.get(page(user))
    await cache.fill(page(user), snapshot(i + 1))
  }
  for (const [i, user] of names.entries()) t.same(await cache.get(page(user)), snapshot(i + 1))
})

void t.test('every key leaves by its age, a version after its pages', async (t) => {
  const redis = await setUp(t, 100)
  if (!redis) return
  const cache = redis.open()
  await cache.get(page('ann'))
  await cache.fill(page('ann'), snapshot(1))
  await cache.changed(versionOf('bob', 1))
  await cache.get(page('eve'))
  const ttls = async () => {
    const keys = (await redis.admin.keys('*')).sort()
    return Promise.all(keys.map(async (key) => [key, await redis.admin.ttl(key)] as const))
  }
  const found = await ttls()
  t.equal(found.length, 4)
  for (const [key, ttl] of found) {
    const [least, most] = key.endsWith(':version') ? [150, 160] : [90, 100]
    t.ok(ttl >= least && ttl <= most, `${key}: ${ttl} s`)
  }
})

void t.test('random turns of readers, writers, flushes and lost keys: nothing stale', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const random = seeded(t)
  const [one, two] = [redis.open(), redis.open()]
  const users = ['ann', 'bob']
  const truth = new Map(users.map((user) => [user, 1]))
  // Readers that have read the store and not filled in yet.
  const filling: { user: string; version: number }[] = []
  let hits = 0
  for (let turn = 0; turn < 4_000; turn++) {
    const user = users[random.below(2)] ?? ''
    const cache = random.below(2) === 0 ? one : two
    switch (random.below(12)) {
      case 0: {
        const version = (truth.get(user) ?? 0) + 1
        truth.set(user, version)
        await cache.changed(versionOf(user, version))
        break
      }
      case 1:
        if (random.below(10) === 0) await redis.admin.flushall()
        break
      case 2: {
        const lost = [`{user:${user}}:version`, `{user:${user}}:limit:10:page:1`]
        if (random.below(5) === 0) await redis.admin.del(lost[random.below(2)] ?? '')
        break
      }
      case 3:
      case 4:
      case 5: {
        const [late] = filling.splice(random.below(filling.length || 1), 1)
        if (late) await cache.fill(page(late.user), snapshot(late.version))
        break
      }
      default: {
        const found = await cache.get(page(user))
        const version = truth.get(user) ?? 0
        if (!found) filling.push({ user, version })
        else if (found.version === version) hits++
        // A fill that began before a flush which took the word of a change with it may be believed,
        // until the next reader fills in: that one began after the change.
        else if (!filling.some((reader) => reader.user === user && reader.version === version)) {
          t.equal(found.version, version, `turn ${turn}: ${user}`)
          return
        } else await cache.changed(versionOf(user, version))
      }
    }
  }
  t.ok(hits > 0, `${hits} hits`)
})

void t.test('away or frozen: no page, no error, and the change is told afterwards', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const { service, admin } = redis
  const [server, worker] = [redis.open(), redis.open()]
  await server.get(page('ann'))
  await server.fill(page('ann'), snapshot(1))
  await server.get(page('bob'))
  await server.fill(page('bob'), snapshot(1))

  service.kill('SIGSTOP')
  await worker.changed(versionOf('ann', 2))
  t.equal(await server.get(page('ann')), undefined)
  await server.fill(page('ann'), snapshot(2))
  await server.changed(versionOf('bob', 2))
  service.kill('SIGCONT')
  await eventually(
    () => admin.get('{user:ann}:version').catch(() => undefined),
    (version) => version === '2',
  )
  t.equal(await server.get(page('ann')), undefined, 'the old page is gone')
  t.equal(await server.get(page('bob')), undefined, 'even before it is told')
  await eventually(
    () => admin.get('{user:bob}:version').catch(() => undefined),
    (version) => version === '2',
  )
  const again = await eventually(
    async () => {
      await server.fill(page('bob'), snapshot(2))
      return server.get(page('bob'))
    },
    (found) => found !== undefined,
  )
  t.same(again, snapshot(2), 'and back in use')
})

/** What a process of the release before has, and does. */
const olderKey = 'todos:user:ann:version'

void t.test('a change that a process of the release before tells ends our pages', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const cache = redis.open()
  await redis.admin.set(olderKey, 1)
  await cache.get(page('ann'))
  await cache.fill(page('ann'), snapshot(1))
  t.same(await cache.get(page('ann')), snapshot(1))
  await redis.admin.set(olderKey, 2)
  t.equal(await cache.get(page('ann')), undefined)
  await cache.fill(page('ann'), snapshot(2))
  t.same(await cache.get(page('ann')), snapshot(2), 'and the next page is as good as any')
  await redis.admin.del(olderKey)
  await redis.admin.lpush(olderKey, 'no version')
  t.same(await cache.get(page('ann')), snapshot(2), 'what is no version says nothing')
})

void t.test('our change ends the pages of the release before, and makes it no keys', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const cache = redis.open()
  await redis.admin.set(olderKey, 1)
  const users = ['bob', 'ann', 'carl']
  await cache.changed(new Map(users.map((user) => [`user:${user}` as const, 2])))
  t.equal(await redis.admin.get(olderKey), '2')
  await cache.changed(versionOf('ann', 1))
  t.equal(await redis.admin.get(olderKey), '2', 'never back')
  const keys = (await redis.admin.keys('*')).filter((key) => key.endsWith(':version'))
  t.same(keys.sort(), [olderKey, ...users.map((user) => `{user:${user}}:version`)].sort())
})
