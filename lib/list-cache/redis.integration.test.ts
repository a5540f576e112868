// What only Redis can do to the lists: leases, flushes, expiry, lost and frozen connections
// (C1, C2, C5 of the reliability catalogue), against a real Redis.

import { EventEmitter, once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { openRedis } from '../drivers/redis/connections.ts'
import { eventually } from '../../testing/eventually.ts'
import { ownRedis } from '../../testing/services.ts'
import { silentLog } from '../../testing/settings.ts'
import { seeded } from '../../testing/seeded.ts'
import type { ListSnapshot } from '../domain/list.ts'
import type { CacheEvent, ListCache } from './list-cache.ts'
import { createRedisListCache } from './redis.ts'

const snapshot = (version: number, body = `["${version}"]`): ListSnapshot => ({
  version,
  body: Buffer.from(body),
})

type Watched = ListCache & { readonly events: EventEmitter; readonly seen: string[] }

const setUp = async (t: Test, ttlSec = 300) => {
  const service = await ownRedis(t)
  if (!service) return undefined
  const admin = new Redis(service.url)
  t.teardown(() => {
    admin.disconnect()
  })
  const open = async (): Promise<Watched> => {
    const cache = createRedisListCache(openRedis(service.url, silentLog), { ttlSec, poolSize: 1 })
    t.teardown(() => cache.close())
    const events = new EventEmitter()
    const seen: string[] = []
    const restored = once(events, 'restored')
    cache.watch((event: CacheEvent) => {
      seen.push(event.kind)
      events.emit(event.kind)
    })
    await restored
    return Object.assign(cache, { events, seen })
  }
  return { service, admin, open }
}

/** Connections that track, by id: what a fork hears changes on. */
const trackingIds = async (admin: Redis): Promise<string[]> => {
  const clients = (await admin.client('LIST')) as string
  return clients
    .split('\n')
    .filter((line) => / sub=1 /.test(line))
    .map((line) => /id=(\d+)/.exec(line)?.[1] as string)
}

void t.test('one process fills a list, the others wait and then get the same bytes', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const [first, second] = [await redis.open(), await redis.open()]
  t.same(await first.get('newest'), { kind: 'fill' })
  t.same(await second.get('newest'), { kind: 'wait' })
  t.same(await second.get('all'), { kind: 'fill' }, 'each list has a lease of its own')
  const list = snapshot(7, '["zoë\\n", "\u{1F600}"]')
  t.equal(await first.fill('newest', list), 'filled')
  t.same(await second.get('newest'), { kind: 'hit', snapshot: list })
})

void t.test('after a flush, filling one list leaves the lease of the other alone', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const [first, second] = [await redis.open(), await redis.open()]
  await first.announce(7)
  await redis.admin.flushall()
  t.same(await first.get('newest'), { kind: 'fill' })
  t.same(await second.get('all'), { kind: 'fill' })
  t.equal(await second.fill('all', snapshot(7)), 'filled')
  t.same(await second.get('newest'), { kind: 'wait' }, 'the first is still at it')
  t.equal(await first.fill('newest', snapshot(7)), 'filled')
  t.same(await second.get('newest'), { kind: 'hit', snapshot: snapshot(7) })
})

void t.test('a new version drops the lists and the leases at once', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const [slow, other] = [await redis.open(), await redis.open()]
  await other.announce(1)
  t.same(await slow.get('newest'), { kind: 'fill' })
  await other.announce(2)
  t.same(
    await other.get('newest'),
    { kind: 'fill' },
    'nobody waits for a filler of the old version',
  )
  t.equal(await slow.fill('newest', snapshot(1)), 'refused')
  t.equal(await other.fill('newest', snapshot(2)), 'filled')
  t.same(await slow.get('newest'), { kind: 'hit', snapshot: snapshot(2) })
})

void t.test('a fill that is ahead of the announced version announces it', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const [filler, other] = [await redis.open(), await redis.open()]
  await filler.announce(1)
  await other.fill('all', snapshot(1))
  const noticed = once(other.events, 'changed')
  t.equal(await filler.fill('newest', snapshot(2)), 'filled')
  await noticed
  t.same(await other.get('all'), { kind: 'fill' }, 'a list of the older version is gone')
})

void t.test('an operator finds each list as JSON, with its lifetime', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const { admin } = redis
  const cache = await redis.open()
  const todos = Array.from({ length: 1_000 }, (_, i) => ({ id: `t${i}`, title: `zoë\n${i}` }))
  const body = `[${todos.map((one) => JSON.stringify(one)).join(',\n')}]`
  t.equal(await cache.fill('newest', snapshot(7, body)), 'filled')
  for (const limit of [10, 100, 1_000]) {
    const key = `todos:limit:${limit}`
    const text = await eventually(
      () => admin.get(key),
      (found) => found !== null,
    )
    t.same(JSON.parse(text ?? ''), todos.slice(0, limit))
    const ttl = await admin.ttl(key)
    t.ok(ttl > 290 && ttl <= 300, `${key}: ${ttl} s`)
    t.equal(await admin.ttl(`{${key}}:version`), ttl)
  }
  t.equal(await admin.get('todos:limit:1000'), body, 'the bytes of the API')
  t.equal(await cache.fill('all', snapshot(7, '[]')), 'filled')
  await eventually(
    () => admin.get('todos:all'),
    (found) => found === '[]',
  )
})

void t.test('what an operator finds never goes back, and heals', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const { admin } = redis
  const key = 'todos:limit:10'
  const becomes = (body: string) =>
    eventually(
      () => admin.get(key).catch(() => null),
      (found) => found === body,
    )
  // Each cache copies at once the first time: other processes.
  const [older, newer, later] = [await redis.open(), await redis.open(), await redis.open()]
  await newer.fill('newest', snapshot(8, '["8"]'))
  await becomes('["8"]')
  // A Redis that lost the lists and kept the copies: the guard of the lists would let 7 pass.
  await admin.del('{todos}:version')
  t.equal(await older.fill('newest', snapshot(7, '["7"]')), 'filled')
  await older.ping() // behind the copy, on one connection
  t.equal(await admin.get(key), '["8"]', 'the copy of 7 is refused')
  await later.fill('newest', snapshot(9, '["9"]'))
  await becomes('["9"]')
  for (const spoil of [
    () => admin.set(`{${key}}:version`, 'abc'),
    () => admin.set(`{${key}}:version`, '9007199254740991'),
    async () => {
      await admin.del(`{${key}}:version`, key)
      await admin.lpush(`{${key}}:version`, 'x')
      await admin.hset(key, 'version', 1)
    },
  ]) {
    await spoil()
    const healer = await redis.open()
    const version = (await healer.known()) + 1
    await healer.fill('newest', snapshot(version, `["${version}"]`))
    await becomes(`["${version}"]`)
  }
  const known = await later.known()
  await later.overrule(known, 1)
  t.equal(
    await admin.exists(key, 'todos:all', `{${key}}:version`),
    0,
    'nothing of before a restore',
  )
})

void t.test('a filler that dies holds the others up for its lease only', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const [dead, other] = [await redis.open(), await redis.open()]
  await dead.get('newest')
  await eventually(
    () => other.get('newest'),
    (answer) => answer.kind === 'fill',
  )
  t.pass('the lease ended')
})

void t.test('a list lives no longer than its TTL', async (t) => {
  const redis = await setUp(t, 1)
  if (!redis) return
  const cache = await redis.open()
  await cache.fill('newest', snapshot(1))
  t.equal((await cache.get('newest')).kind, 'hit')
  await eventually(
    () => cache.get('newest'),
    (answer) => answer.kind === 'fill',
  )
})

void t.test('a flush, a deleted version and an evicted version all count as changes', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const cache = await redis.open()
  for (const lose of [
    () => redis.admin.flushall(),
    () => redis.admin.flushdb(),
    () => redis.admin.del('{todos}:version'),
    () => redis.admin.pexpire('{todos}:version', 1),
  ]) {
    await cache.fill('newest', snapshot(5))
    const noticed = once(cache.events, 'changed')
    await lose()
    await noticed
    await eventually(
      () => cache.get('newest'),
      (answer) => answer.kind === 'fill',
    )
  }
  t.equal(await cache.fill('newest', snapshot(5)), 'filled', 'the version comes from the database')
})

void t.test('a killed tracking connection is noticed, and tracks again', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const random = seeded(t)
  const cache = await redis.open()
  const writer = await redis.open()
  let version = 10
  for (let round = 0; round < 20; round++) {
    const [lost, restored] = [once(cache.events, 'lost'), once(cache.events, 'restored')]
    for (const id of await trackingIds(redis.admin)) await redis.admin.client('KILL', 'ID', id)
    await lost
    // A write somewhere in the gap: it may go unnoticed, so `restored` must come after `lost`.
    await delay(random.below(120))
    await writer.announce(++version)
    await restored
    const noticed = once(cache.events, 'changed')
    await writer.announce(++version)
    await noticed
  }
  t.equal(cache.seen.filter((kind) => kind === 'lost').length, 20)
})

void t.test('a process that was held up does not take Redis for away', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const cache = await redis.open()
  await cache.fill('newest', snapshot(1))
  await cache.get('newest') // the first brings its script along, in a second round trip
  for (let round = 0; round < 2; round++) {
    const found = cache.get('newest')
    await new Promise((resolve) => process.nextTick(resolve)) // it is sent
    const endMs = performance.now() + 1_000
    while (performance.now() < endMs);
    t.match(await found, { kind: 'hit' })
  }
  t.notOk(cache.seen.includes('lost'))
})

void t.test('a frozen Redis is noticed without a closed connection', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const cache = await redis.open()
  const lost = once(cache.events, 'lost')
  redis.service.kill('SIGSTOP')
  await lost
  await t.rejects(cache.get('newest'), 'and commands fail instead of hanging')
  const restored = once(cache.events, 'restored')
  redis.service.kill('SIGCONT')
  await restored
  const noticed = once(cache.events, 'changed')
  await cache.announce(1)
  await noticed
})

void t.test(
  'without proof that invalidations arrive, changes are not said to be noticed',
  async (t) => {
    const redis = await setUp(t)
    if (!redis) return
    // Redis takes TRACKING and SUBSCRIBE, but the canary's invalidation never comes: writes to any
    // key but the version's own are refused, as a wrong key prefix or a dropped push would have it.
    await redis.admin.call(
      'ACL',
      'SETUSER',
      'default',
      'resetkeys',
      '~{todos}:version',
      '~{todos}:l*',
    )
    const cache = createRedisListCache(openRedis(redis.service.url, silentLog), {
      ttlSec: 300,
      poolSize: 1,
    })
    t.teardown(() => cache.close())
    const events = new EventEmitter()
    cache.watch((event) => events.emit(event.kind))
    let isRestored = false
    events.once('restored', () => (isRestored = true))
    await cache.ping().catch(() => {})
    await delay(1_500)
    t.equal(isRestored, false)
    await redis.admin.call('ACL', 'SETUSER', 'default', 'allkeys')
    if (!isRestored) await once(events, 'restored')
  },
)
