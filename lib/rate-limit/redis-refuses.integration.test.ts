// A Redis that answers and refuses to count is one that fails: Postgres counts, until Redis takes writes
// again. And what others have written under a limit's key counts as nothing.

import { Redis } from 'ioredis'
import t from 'tap'
import { openRedis } from '../drivers/redis/connections.ts'
import { databasesAt } from '../../testing/databases.ts'
import { eventually } from '../../testing/eventually.ts'
import { ownRedis, testDatabase } from '../../testing/services.ts'
import { silentLog } from '../../testing/settings.ts'
import { testGate } from '../../testing/gate.ts'
import { createLimiter } from './failover.ts'
import { keyOf, type Policy } from './policy.ts'
import { createPostgresLimitStore } from './postgres.ts'
import { createRedisLimitStore } from './redis.ts'

/** A loaded machine must not be taken for a store that fails. */
const timeoutMs = 1_500
const bucket: Policy = { name: 'b', algorithm: 'token-bucket', limit: 10, windowSec: 60 }
const window: Policy = { name: 'w', algorithm: 'sliding-window', limit: 10, windowSec: 60 }
const policies = [bucket, window]

let keys = 0
const newKey = () => `key-${++keys}`

void t.test('while Redis refuses, Postgres counts', async (t) => {
  const [service, other] = [await ownRedis(t), await ownRedis(t)]
  if (!service || !other) return
  const gate = await testGate(t, service.port)
  const admin = new Redis(service.url)
  t.teardown(() => {
    admin.disconnect()
  })
  const redis = createRedisLimitStore(
    openRedis(`redis://127.0.0.1:${gate.port}/0`, silentLog),
    timeoutMs,
  )
  const postgres = createPostgresLimitStore(databasesAt(await testDatabase(t)), { timeoutMs })
  const limiter = createLimiter(
    [
      { name: 'redis', store: redis },
      { name: 'postgres', store: postgres },
    ],
    policies,
    silentLog,
  )
  t.teardown(() => limiter.close())
  await limiter.open()
  const taken = async () => {
    const all = await Promise.all(policies.map((policy) => limiter.take(policy, newKey())))
    return all.map(({ store }) => store).join(' ')
  }
  const isOpen = () => limiter.counts.stores.get('redis')?.isOpen()

  t.equal(await taken(), 'redis redis')
  for (const [what, refuse, heal] of [
    [
      'out of memory',
      () => admin.config('SET', 'maxmemory', '1mb'),
      () => admin.config('SET', 'maxmemory', '0'),
    ],
    [
      'too few replicas',
      () => admin.config('SET', 'min-replicas-to-write', '1'),
      () => admin.config('SET', 'min-replicas-to-write', '0'),
    ],
    [
      'without a right',
      () => admin.acl('SETUSER', 'default', '-set', '-hset'),
      () => admin.acl('SETUSER', 'default', '+set', '+hset'),
    ],
    [
      'paused writes',
      () => admin.call('CLIENT', 'PAUSE', 600_000, 'WRITE'),
      () => admin.call('CLIENT', 'UNPAUSE'),
    ],
    ['silent', () => gate.silence(), () => {}],
    [
      'a replica, with the new master for new connections',
      () => admin.replicaof('127.0.0.1', other.port),
      () => gate.leadTo(other.port),
    ],
  ] as const) {
    await t.test(what, async (t) => {
      await refuse()
      t.equal(await taken(), 'postgres postgres', 'at once')
      if (what !== 'silent') await eventually(() => taken().then(isOpen), Boolean)
      await heal()
      await eventually(taken, (seen) => seen === 'redis redis')
      t.equal(isOpen(), false)
    })
  }
})

void t.test('what is no count counts as nothing', async (t) => {
  const service = await ownRedis(t)
  if (!service) return
  const admin = new Redis(service.url)
  t.teardown(() => {
    admin.disconnect()
  })
  const store = createRedisLimitStore(openRedis(service.url, silentLog), timeoutMs)
  t.teardown(() => store.close())
  await store.open()
  for (const put of [
    (key: string) => admin.set(key, 'abc'),
    (key: string) => admin.set(key, 'nan'),
    (key: string) => admin.set(key, '-inf'),
    (key: string) => admin.lpush(key, 'x'),
    (key: string) => admin.hset(key, { window: 'abc', current: 'x', previous: 'nan' }),
    (key: string) => admin.hset(key, { window: 'nan' }),
    (key: string) => admin.sadd(key, 'x'),
  ]) {
    for (const policy of policies) {
      const key = newKey()
      await put(`todos:rate:${keyOf(policy, key)}`)
      const taken = []
      for (let i = 0; i < 12; i++) taken.push((await store.take(policy, key)).allowed)
      t.equal(taken.filter(Boolean).length, 10, policy.algorithm)
      t.ok((await admin.pttl(`todos:rate:${keyOf(policy, key)}`)) > 0, 'and it ends')
    }
  }
})
