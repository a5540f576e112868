// Pages while Redis answers and refuses writes: a page of before a change is handed out neither while Redis
// refuses to be told of the change, nor right after it takes writes again. And keys that others wrote.

import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { openRedis } from '../drivers/redis/connections.ts'
import { testGate } from '../../testing/gate.ts'
import { eventually } from '../../testing/eventually.ts'
import { ownRedis } from '../../testing/services.ts'
import { silentLog } from '../../testing/settings.ts'
import type { PageSnapshot } from '../domain/page.ts'
import { createRedisPageCache } from './redis.ts'

const page = { owner: 'user:ann' as const, limit: 10, page: 1 }
const versionKey = '{user:ann}:version'
const pageKey = '{user:ann}:limit:10:page:1'
const snapshot = (version: number): PageSnapshot => ({
  version,
  total: 1,
  body: Buffer.from(`["v${version}"]`),
})

const setUp = async (t: Test) => {
  const service = await ownRedis(t)
  if (!service) return undefined
  const admin = new Redis(service.url)
  t.teardown(() => {
    admin.disconnect()
  })
  const open = (port = service.port) => {
    const cache = createRedisPageCache(
      openRedis(`redis://127.0.0.1:${port}/0`, silentLog),
      { ttlSec: 300 },
      silentLog,
    )
    t.teardown(() => cache.close())
    return cache
  }
  return { service, admin, open }
}

type Turn = (admin: Redis) => Promise<unknown>
const refusals: Record<string, readonly [Turn, Turn]> = {
  'a replica': [
    (admin) => admin.replicaof('127.0.0.1', 1),
    (admin) => admin.replicaof('NO', 'ONE'),
  ],
  'out of memory': [
    (admin) => admin.config('SET', 'maxmemory', '1mb'),
    (admin) => admin.config('SET', 'maxmemory', '0'),
  ],
  'without a right': [
    (admin) => admin.acl('SETUSER', 'default', '-set'),
    (admin) => admin.acl('SETUSER', 'default', '+set'),
  ],
  'paused writes': [
    (admin) => admin.call('CLIENT', 'PAUSE', 600_000, 'WRITE'),
    (admin) => admin.call('CLIENT', 'UNPAUSE'),
  ],
}

// Each has a Redis of its own, and waits for time-outs.
t.jobs = 2

for (const [what, [refuse, heal]] of Object.entries(refusals)) {
  void t.test(`${what}: no old page, neither then nor afterwards`, async (t) => {
    const redis = await setUp(t)
    if (!redis) return
    const { admin, open } = redis
    const [writer, reader, late] = [open(), open(), open()]
    await reader.get(page)
    await reader.fill(page, snapshot(1))
    t.same(await late.get(page), snapshot(1))

    await refuse(admin)
    await writer.changed(new Map([['user:ann' as const, 2]]))
    t.equal(await reader.get(page), undefined)
    t.equal(await late.get(page), undefined)
    await heal(admin)
    // From here on until the change is told, and after it.
    let told = false
    while (!told) {
      told = (await admin.get(versionKey)) === '2'
      for (const cache of [writer, reader, late]) t.equal(await cache.get(page), undefined)
      await delay(10)
    }
    await eventually(
      async () => {
        await reader.fill(page, snapshot(2))
        return late.get(page)
      },
      (found) => found !== undefined,
    )
    t.same(await late.get(page), snapshot(2), 'and back in use')
  })
}

void t.test('a silent connection is replaced, and the change is told on the new one', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const gate = await testGate(t, redis.service.port)
  const [writer, reader] = [redis.open(gate.port), redis.open()]
  await writer.changed(new Map([['user:ann' as const, 1]]))
  await reader.fill(page, snapshot(1))
  gate.silence()
  await writer.changed(new Map([['user:ann' as const, 2]]))
  await eventually(
    () => redis.admin.get(versionKey),
    (version) => version === '2',
  )
  t.equal(await reader.get(page), undefined)
})

void t.test('after a failover that lost a change, no page of before it is believed', async (t) => {
  const redis = await setUp(t)
  const replica = redis && (await setUp(t))
  if (!replica) return
  const gate = await testGate(t, redis.service.port)
  const cache = redis.open(gate.port)
  await cache.changed(new Map([['user:ann' as const, 1]]))
  await cache.fill(page, snapshot(1))
  t.same(await cache.get(page), snapshot(1))
  await replica.admin.replicaof('127.0.0.1', redis.service.port)
  await eventually(
    () => replica.admin.get(versionKey).catch(() => null),
    (version) => version === '1',
  )
  await replica.admin.replicaof('NO', 'ONE')
  await cache.changed(new Map([['user:ann' as const, 2]]))

  gate.leadTo(replica.service.port)
  gate.cut()
  const filled = await eventually(
    async () => {
      const found = await cache.get(page)
      if (found?.version === 1) t.fail('the page of before the change')
      await cache.fill(page, snapshot(2))
      return cache.get(page)
    },
    (found) => found !== undefined,
  )
  t.same(filled, snapshot(2), 'and back in use')
})

void t.test('what is no version and no page is replaced', async (t) => {
  const redis = await setUp(t)
  if (!redis) return
  const { admin, open } = redis
  const cache = open()
  let version = 10
  for (const put of [
    (key: string) => admin.set(key, 'abc'),
    (key: string) => admin.set(key, '1e300'),
    (key: string) => admin.set(key, 'nan'),
    (key: string) => admin.set(key, '9'.repeat(400)),
    (key: string) => admin.lpush(key, 'x'),
    (key: string) => admin.hset(key, 'version', 'abc'),
  ]) {
    for (const key of [versionKey, pageKey]) {
      await admin.del(key)
      await put(key)
      await cache.get(page)
      await cache.fill(page, snapshot(version))
      t.same(await cache.get(page), snapshot(version))
      await admin.del(key)
      await put(key)
      await cache.changed(new Map([['user:ann' as const, ++version]]))
      t.equal(await cache.get(page), undefined)
      t.equal(await admin.get(versionKey), String(version))
    }
  }
})
