// A Redis that answers and is not to be trusted: one that refuses writes in every way that Redis has, one
// that sends no invalidations, one whose keys somebody else has written. Against a real Redis.

import { EventEmitter, once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { openRedis } from '../drivers/redis/connections.ts'
import { repository } from '../../scripts/paths.ts'
import { testGate } from '../../testing/gate.ts'
import { eventually } from '../../testing/eventually.ts'
import { ownRedis } from '../../testing/services.ts'
import { silentLog } from '../../testing/settings.ts'
import { createRedisPageCache } from '../page-cache/redis.ts'
import { createRedisLimitStore } from '../rate-limit/redis.ts'
import type { ListSnapshot } from '../domain/list.ts'
import type { CacheEvent } from './list-cache.ts'
import { announceVersion } from './announce.ts'
import { createRedisListCache } from './redis.ts'

const snapshot = (version: number): ListSnapshot => ({
  version,
  body: Buffer.from(`["${version}"]`),
})

const setUp = async (t: Test) => {
  const service = await ownRedis(t)
  if (!service) return undefined
  const gate = await testGate(t, service.port)
  const admin = new Redis(service.url)
  t.teardown(() => {
    admin.disconnect()
  })
  const cache = createRedisListCache(openRedis(`redis://127.0.0.1:${gate.port}/0`, silentLog), {
    ttlSec: 300,
    poolSize: 2,
  })
  t.teardown(() => cache.close())
  const events = new EventEmitter()
  const reasons: string[] = []
  const restored = once(events, 'restored')
  cache.watch((event: CacheEvent) => {
    if (event.kind === 'lost') reasons.push(event.reason)
    events.emit(event.kind)
  })
  await restored
  return { service, gate, admin, cache, events, reasons }
}

type System = NonNullable<Awaited<ReturnType<typeof setUp>>>
type Sickness = {
  readonly what: string
  readonly reason: RegExp
  fall(system: System): Promise<unknown>
  heal(system: System): Promise<unknown>
}

const sicknesses: readonly Sickness[] = [
  {
    what: 'a replica in the place of the master',
    reason: /READONLY/,
    fall: ({ admin }) => admin.replicaof('127.0.0.1', 1),
    heal: ({ admin }) => admin.replicaof('NO', 'ONE'),
  },
  {
    what: 'a replica that serves nothing old',
    reason: /READONLY|MASTERDOWN/,
    async fall({ admin }) {
      await admin.config('SET', 'replica-serve-stale-data', 'no')
      await admin.replicaof('127.0.0.1', 1)
    },
    heal: ({ admin }) => admin.replicaof('NO', 'ONE'),
  },
  {
    what: 'out of memory',
    reason: /OOM/,
    fall: ({ admin }) => admin.config('SET', 'maxmemory', '1mb'),
    heal: ({ admin }) => admin.config('SET', 'maxmemory', '0'),
  },
  {
    what: 'a disk that takes no snapshot',
    reason: /MISCONF/,
    async fall({ admin }) {
      const [, directory = ''] = await admin.config('GET', 'dir')
      await rm(directory, { recursive: true })
      await admin.config('SET', 'save', '3600 1')
      await admin.bgsave()
    },
    heal: ({ admin }) => admin.config('SET', 'stop-writes-on-bgsave-error', 'no'),
  },
  {
    what: 'too few replicas',
    reason: /NOREPLICAS/,
    fall: ({ admin }) => admin.config('SET', 'min-replicas-to-write', '1'),
    heal: ({ admin }) => admin.config('SET', 'min-replicas-to-write', '0'),
  },
  {
    what: 'without the right to write',
    reason: /NOPERM/,
    fall: ({ admin }) => admin.acl('SETUSER', 'default', '-set'),
    heal: ({ admin }) => admin.acl('SETUSER', 'default', '+set'),
  },
  {
    what: 'without the right to the keys',
    reason: /NOPERM/,
    fall: ({ admin }) => admin.acl('SETUSER', 'default', 'resetkeys', '~other:*'),
    heal: ({ admin }) => admin.acl('SETUSER', 'default', 'allkeys'),
  },
  {
    what: 'paused writes',
    reason: /no answer/,
    fall: ({ admin }) => admin.call('CLIENT', 'PAUSE', 600_000, 'WRITE'),
    heal: ({ admin }) => admin.call('CLIENT', 'UNPAUSE'),
  },
  {
    what: 'frozen',
    reason: /no answer|no invalidations/,
    fall: ({ service }) => Promise.resolve(service.kill('SIGSTOP')),
    heal: ({ service }) => Promise.resolve(service.kill('SIGCONT')),
  },
  {
    what: 'silent connections',
    reason: /no answer|no invalidations/,
    fall: ({ gate }) => Promise.resolve(gate.silence()),
    heal: () => Promise.resolve(),
  },
]

for (const { what, reason, fall, heal } of sicknesses) {
  void t.test(`${what}: said, and over without a restart`, async (t) => {
    const system = await setUp(t)
    if (!system) return
    const { cache, events, reasons } = system
    const [lost, restored] = [once(events, 'lost'), once(events, 'restored')]
    await fall(system)
    await lost
    t.match(reasons, [reason])
    if (what !== 'silent connections') await t.rejects(cache.ping(), { message: reason })
    await heal(system)
    await restored
    t.equal(reasons.length, 1, 'once')
    await eventually(
      () => cache.ping().then(() => 'ok', String),
      (seen) => seen === 'ok',
    )
    const noticed = once(events, 'changed')
    await cache.announce(7)
    await noticed
  })
}

void t.test('a script that hangs: said, and over once it is killed', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { service, admin, events } = system
  await admin.config('SET', 'busy-reply-threshold', '50')
  const [lost, restored] = [once(events, 'lost'), once(events, 'restored')]
  const hanging = new Redis(service.url)
  t.teardown(() => {
    hanging.disconnect()
  })
  hanging.eval('while true do end', 0).catch(() => {})
  await lost
  await admin.script('KILL')
  await restored
  t.match(system.reasons, [/BUSY|no answer|no invalidations/])
})

/** What somebody may have put under a key. */
const notVersions: Record<string, (admin: Redis, key: string) => Promise<unknown>> = {
  text: (admin, key) => admin.set(key, 'abc'),
  nothing: (admin, key) => admin.set(key, ''),
  'a negative number': (admin, key) => admin.set(key, '-5'),
  'a fraction': (admin, key) => admin.set(key, '7.5'),
  'a number in another form': (admin, key) => admin.set(key, '0x7fff'),
  'no number': (admin, key) => admin.set(key, 'nan'),
  infinity: (admin, key) => admin.set(key, 'inf'),
  'past what a double holds': (admin, key) => admin.set(key, '9007199254740993'),
  'a huge number': (admin, key) => admin.set(key, '9'.repeat(400)),
  'an exponent': (admin, key) => admin.set(key, '1e300'),
  'a list': (admin, key) => admin.lpush(key, 'x'),
  'a hash': (admin, key) => admin.hset(key, 'version', 'abc'),
  'a set': (admin, key) => admin.sadd(key, 'x'),
  'a stream': (admin, key) => admin.xadd(key, '*', 'a', 'b'),
}

void t.test('the rights that the docs name are enough', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { service, admin } = system
  const guide = await readFile(new URL('docs/how-to/managed-services.md', repository), 'utf8')
  const rights = /ACL SETUSER todos on >PASSWORD (.*)/.exec(guide)?.[1] ?? ''
  t.match(rights, /~\{todos\}:/)
  await admin.acl('SETUSER', 'todos', 'on', '>secret', ...rights.split(' '))
  const url = service.url.replace('redis://', 'redis://todos:secret@')
  const cache = createRedisListCache(openRedis(url, silentLog), { ttlSec: 300, poolSize: 1 })
  t.teardown(() => cache.close())
  const events = new EventEmitter()
  const restored = once(events, 'restored')
  cache.watch((event: CacheEvent) => events.emit(event.kind))
  await restored
  await cache.announce(7)
  t.same(await cache.get('newest'), { kind: 'fill' })
  t.equal(await cache.fill('newest', snapshot(7)), 'filled')
  t.match(await cache.get('newest'), { kind: 'hit' })
  await eventually(
    () => admin.get('todos:limit:10'),
    (found) => found !== null,
  )
  await cache.overrule(7, 6)
  await cache.ping()
  const pages = createRedisPageCache(openRedis(url, silentLog), { ttlSec: 300 }, silentLog)
  t.teardown(() => pages.close())
  const page = { owner: 'user:ann' as const, limit: 10, page: 1 }
  await pages.get(page)
  await pages.fill(page, { ...snapshot(7), total: 1 })
  t.match(await pages.get(page), { total: 1 })
  const limits = createRedisLimitStore(openRedis(url, silentLog), 5_000)
  t.teardown(() => limits.close())
  await limits.open()
  for (const algorithm of ['token-bucket', 'sliding-window'] as const) {
    const policy = { name: algorithm, algorithm, limit: 10, windowSec: 60 }
    t.match(await limits.take(policy, 'ann'), { allowed: true })
  }
  t.same(await admin.call('ACL', 'LOG'), [], 'nothing was refused, not even what nobody waits for')
  await admin.acl('SETUSER', 'todos', '-get')
  await t.rejects(cache.announce(8), /NOPERM GET \{todos\}:version.*give the user of REDIS_URL/)
})

void t.test('what is no version, no list and no lease is replaced', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { admin, cache } = system
  let version = 100
  const works = async (what: string) => {
    const answer = await cache.get('newest')
    if (answer.kind !== 'fill') t.equal(answer.kind, 'fill', `${what}: somebody must fill`)
    t.equal(await cache.fill('newest', snapshot(version)), 'filled', what)
    t.same(await cache.get('newest'), { kind: 'hit', snapshot: snapshot(version) }, what)
    t.equal(await cache.known(), version, what)
    t.equal(await cache.announce(++version), version, `${what}: announced`)
    t.equal(await cache.known(), version, what)
  }
  for (const [what, put] of Object.entries(notVersions)) {
    for (const key of ['{todos}:version', '{todos}:limit:1000', '{todos}:filling:newest']) {
      await admin.del('{todos}:filling:newest', key)
      await put(admin, key)
      await works(`${what} under ${key}`)
      await admin.del(key)
      await put(admin, key)
      t.equal(await cache.announce(++version), version, `${what} under ${key}: announced over it`)
    }
  }
})

void t.test('a change of what is no version is noticed', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { admin, cache, events } = system
  await cache.announce(7)
  const noticed = once(events, 'changed')
  await admin.set('{todos}:version', 'abc')
  await noticed
  t.pass('as a change')
})

void t.test('a later version than the database has is overruled, in one step', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { admin, cache } = system
  const store = { listVersion: () => Promise.resolve(10) }
  t.equal(await announceVersion(store, cache), undefined)
  await cache.fill('newest', snapshot(10))
  for (const claimed of [11, Number.MAX_SAFE_INTEGER]) {
    await admin.set('{todos}:version', claimed)
    await admin.hset('{todos}:limit:1000', { version: claimed, body: 'of another database' })
    t.equal(await cache.known(), claimed)
    t.equal(await announceVersion(store, cache), claimed)
    t.equal(await cache.known(), 10)
    t.equal((await cache.get('newest')).kind, 'fill', 'its lists are gone')
  }
  await cache.overrule(9, 3)
  t.equal(await cache.known(), 10, 'what has moved meanwhile is left alone')
  // A store that has caught up by the time it is asked again is right, and so is the cache.
  const reads = [10, 12]
  await cache.announce(12)
  const later = { listVersion: () => Promise.resolve(reads.shift() as number) }
  t.equal(await announceVersion(later, cache), undefined)
  t.equal(await cache.known(), 12)
})
