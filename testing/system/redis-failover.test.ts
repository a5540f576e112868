// Masters move: a crash, a failover by hand, a slot on its way to another node of a cluster. What is
// written finds the new master, what is heard comes from there, and no change goes unnoticed for long.

import { EventEmitter, once } from 'node:events'
import t, { type Test } from 'tap'
import { createRedisEventAppender, createRedisEventReader } from '../../lib/events/redis.ts'
import { createRedisListCache } from '../../lib/list-cache/redis.ts'
import { createRedisPageCache } from '../../lib/page-cache/redis.ts'
import { createRedisLimitStore } from '../../lib/rate-limit/redis.ts'
import { eventually } from '../eventually.ts'
import { hear } from '../heard-events.ts'
import { ownCluster, ownSentinels, testRedis } from '../redis-topologies.ts'
import { silentLog } from '../settings.ts'

/** A process that reads and one that writes, as far as Redis is concerned. */
const setUp = async (t: Test, url: string) => {
  const [reading, writing] = [testRedis(t, url), testRedis(t, url)]
  const lists = createRedisListCache(reading, { ttlSec: 300, poolSize: 2 })
  const announcer = createRedisListCache(writing, { ttlSec: 300, poolSize: 1 })
  const pages = createRedisPageCache(reading, { ttlSec: 300 }, silentLog)
  const limits = createRedisLimitStore(reading, 1_000)
  const reader = createRedisEventReader(reading)
  const appender = createRedisEventAppender(writing)
  t.teardown(async () => {
    for (const one of [lists, announcer, pages, limits, reader, appender]) await one.close()
  })
  const events = new EventEmitter()
  let isNoticed = false
  lists.watch(({ kind }) => {
    if (kind === 'lost') isNoticed = false
    if (kind === 'restored') isNoticed = true
    events.emit(kind)
  })
  await once(events, 'restored')
  await eventually(reader.fault, (fault) => fault === undefined)
  let turn = 0

  const succeeds = (work: () => Promise<unknown>) =>
    eventually(
      () =>
        work().then(
          () => undefined,
          (error: Error) => error.message,
        ),
      (failure) => failure === undefined,
    )

  /** Everything that is kept in Redis is kept again, and what changes is noticed. */
  const isWhole = async (t: Test) => {
    turn++
    // What was written last may be lost with a master: said again, as the worker does every second.
    await eventually(
      async () => {
        const changed = once(events, 'changed')
        const known = await announcer.announce(++turn).catch(() => undefined)
        if (known === undefined || !isNoticed) return false
        return Promise.race([changed.then(() => true), eventsLater().then(() => false)])
      },
      (isSo) => isSo,
    )
    const list = { version: turn, body: Buffer.from(`["${turn}"]`) }
    await succeeds(() => lists.fill('newest', list))
    t.same(await lists.get('newest'), { kind: 'hit', snapshot: list }, 'lists')

    const policy = {
      name: `turn-${turn}`,
      algorithm: 'token-bucket',
      limit: 1,
      windowSec: 60,
    } as const
    for (const key of ['a', 'b', 'c', 'd', 'e']) await succeeds(() => limits.take(policy, key))
    t.match(await limits.take(policy, 'a'), { allowed: false }, 'limits')

    await eventually(reader.fault, (fault) => fault === undefined)
    const channel = `user:${turn}` as const
    const { bodies } = await hear(reader, channel)
    await succeeds(() =>
      appender.append([{ source: 'log/0', number: 1, events: [{ channel, body: '1' }] }]),
    )
    await eventually(
      () => bodies,
      (heard) => heard.includes('1'),
    )

    const page = { owner: channel, limit: 10, page: 1 }
    const found = await eventually(
      async () => {
        await pages.get(page)
        await pages.fill(page, { version: 1, total: 1, body: Buffer.from('[]') })
        return pages.get(page)
      },
      (one) => one !== undefined,
    )
    t.match(found, { version: 1 }, 'pages')
  }
  return { announcer, events, isWhole }
}

const eventsLater = () => new Promise((resolve) => setTimeout(resolve, 500))

t.jobs = 2

void t.test('Sentinels', async (t) => {
  const redis = await ownSentinels(t)
  if (!redis) return
  const { events, isWhole } = await setUp(t, redis.url)
  await isWhole(t)

  const first = await redis.master()
  let lost = once(events, 'lost')
  await redis.sentinels[0]?.command(`SENTINEL FAILOVER ${redis.masterName}`)
  await lost
  await t.test('a failover by hand', isWhole)
  t.not(await redis.master(), first)

  lost = once(events, 'lost')
  await (await redis.master()).kill()
  await lost
  await t.test('a master that was killed', isWhole)
  t.equal(await redis.master(), first)
})

void t.test('a cluster', async (t) => {
  const redis = await ownCluster(t)
  if (!redis) return
  const { announcer, events, isWhole } = await setUp(t, redis.url)
  await isWhole(t)
  const key = '{todos}:version'
  const from = await redis.masterOf(key)
  const others = await Promise.all(['a', 'b', 'c'].map(redis.masterOf))
  const to = others.find((one) => one !== from)
  if (!to) throw new Error('one node has the slots of four keys')

  let lost = once(events, 'lost')
  const move = await redis.beginMove(key, to)
  // Keys that are not there yet begin their life on the other side, where nothing is heard yet.
  await lost
  t.ok((await announcer.known()) > 0, 'a key that is there is still had')
  await move.finish()
  await t.test('a slot that was moved', isWhole)
  t.equal(await redis.masterOf(key), to)

  const [replica] = await redis.replicasOf(to)
  await replica?.command('CLUSTER FAILOVER')
  await eventually(
    () => redis.masterOf(key),
    (master) => master === replica,
  )
  await t.test('a failover by hand', isWhole)

  lost = once(events, 'lost')
  await replica?.kill()
  await lost
  await t.test('a master that was killed', isWhole)
  t.equal(await redis.masterOf(key), to)
})
