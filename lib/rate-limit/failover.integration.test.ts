// Limits while what counts them is killed, frozen, slow, flapping, or back: nobody waits for a store that
// was given up, limits hold in the next store, and each store is given up and used again once.

import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openRedis } from '../drivers/redis/connections.ts'
import { databasesAt } from '../../testing/databases.ts'
import { startRedis } from '../../scripts/stack/redis.ts'
import type { Service } from '../../scripts/stack/service.ts'
import { eventually, startTimeoutMs } from '../../testing/eventually.ts'
import { orSkip, ownPostgres, testDirectory } from '../../testing/services.ts'
import { silentLog } from '../../testing/settings.ts'
import { migrationsDirectory } from '../../scripts/paths.ts'
import { testGate } from '../../testing/gate.ts'
import { migrate } from '../drivers/postgres/migrate.ts'
import {
  createLimiter,
  isAllowed,
  type Limiter,
  type LimitVerdict,
  type StoreName,
} from './failover.ts'
import type { Decision, LimitStore, Policy } from './policy.ts'
import { createPostgresLimitStore } from './postgres.ts'
import { createRedisLimitStore } from './redis.ts'

/** Thirty times what a server waits: a loaded machine is not a store that is unavailable. */
const timeoutMs = 1_500
const policy: Policy = { name: 'test', algorithm: 'token-bucket', limit: 100, windowSec: 86_400 }

const setUp = async (t: Test) => {
  const directory = await testDirectory(t)
  const redis = await orSkip(t, () => startRedis({ directory }))
  if (!redis) return undefined
  let running: Service = redis
  const restartRedis = async () => {
    await running.stop()
    running = await startRedis({ directory, port: redis.port })
  }
  t.teardown(() => running.stop())
  const postgres = await ownPostgres(t)
  await migrate(postgres.url, migrationsDirectory)
  const gate = await testGate(t, redis.port)
  const url = `redis://127.0.0.1:${gate.port}/0`
  const lines: string[] = []
  const note = (fields: { store: string }, message: string) =>
    lines.push(`${fields.store} ${/closed/.test(message) ? 'closed' : 'open'}`)
  const log = Object.assign(Object.create(silentLog) as typeof silentLog, {
    warn: note,
    info: note,
  })
  /** Decisions that a store was asked for; by its breaker's probes it is asked on nobody's time. */
  const asked = { redis: 0, postgres: 0 }
  const counted = (name: StoreName, store: LimitStore) => ({
    name,
    store: {
      ...store,
      take(by: Policy, key: string) {
        if (by === policy) asked[name]++
        return store.take(by, key)
      },
    },
  })
  const limiter = createLimiter(
    [
      counted('redis', createRedisLimitStore(openRedis(url, silentLog), timeoutMs)),
      counted('postgres', createPostgresLimitStore(databasesAt(postgres.url), { timeoutMs })),
    ],
    [policy],
    log,
  )
  t.teardown(() => limiter.close())
  await limiter.open()
  return { limiter, redis: () => running, restartRedis, postgres, gate, lines, asked }
}

let keys = 0
const newKey = () => `key-${++keys}`

/** Fewer than Postgres may have, or a stall of a loaded machine is a flood, and refused as one. */
const inFlightMax = 150

/** Decisions in a steady stream, each for a key of its own, until `isOver` holds. */
const under = async (
  limiter: Limiter,
  isOver: (verdict: LimitVerdict) => boolean,
): Promise<readonly LimitVerdict[]> => {
  const verdicts: LimitVerdict[] = []
  let [over, pending] = [false, 0]
  const inFlight: Promise<void>[] = []
  const endMs = performance.now() + startTimeoutMs
  while (!over) {
    if (performance.now() > endMs) throw new Error(`never: ${JSON.stringify(verdicts.slice(-3))}`)
    for (let i = 0; i < 5 && pending < inFlightMax; i++) {
      pending++
      inFlight.push(
        limiter.take(policy, newKey()).then((one) => {
          pending--
          verdicts.push(one)
          over ||= isOver(one)
        }),
      )
    }
    await delay(1)
  }
  await Promise.all(inFlight)
  return verdicts
}

const by = (store: LimitVerdict['store']) => (verdict: LimitVerdict) => verdict.store === store

/** How many of 300 for one key, 50 at once, pass; all decided by `store`. */
const passOf = async (t: Test, limiter: Limiter, store: LimitVerdict['store']) => {
  const key = newKey()
  const verdicts: LimitVerdict[] = []
  for (let round = 0; round < 6; round++) {
    const asked = Array.from({ length: 50 }, () => limiter.take(policy, key))
    verdicts.push(...(await Promise.all(asked)))
  }
  t.equal(verdicts.filter(by(store)).length, 300, `${store} decides`)
  return verdicts.filter(isAllowed).length
}

const usedAgain = (limiter: Limiter, store: LimitVerdict['store']) =>
  eventually(() => limiter.take(policy, newKey()), by(store), startTimeoutMs)

// These two wait most of the time. The others count the timers of the whole process.
t.jobs = 2
const alone = { buffered: false }

t.test('Redis unavailable in each way, and back', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { limiter, redis, restartRedis, gate, lines, asked } = system
  t.equal(await passOf(t, limiter, 'redis'), 100)

  for (const [how, leave, comeBack] of [
    [
      'killed',
      async () => {
        redis().kill('SIGKILL')
        await redis().exited
      },
      restartRedis,
    ],
    ['frozen', () => redis().kill('SIGSTOP'), () => redis().kill('SIGCONT')],
    // Half a second and more from each command to its answer.
    ['slow', () => gate.delayBy(timeoutMs * 1.5), () => gate.delayBy(0)],
    ['silent', () => gate.inspect('to-client', () => 'drop'), () => gate.passAll()],
  ] as const) {
    await t.test(how, async (t) => {
      lines.length = 0
      const before = limiter.counts.stores.get('redis')?.failures ?? 0
      await leave()
      // Decided by Postgres while Redis is still asked, then without asking it.
      await under(limiter, () => lines.length > 0)
      const failures = (limiter.counts.stores.get('redis')?.failures ?? 0) - before
      t.comment(`${failures} waited, or found it gone`)
      t.same(lines, ['redis open'])

      const askedBefore = asked.redis
      const verdicts = await under(
        limiter,
        (
          (n) => () =>
            ++n > 3_000
        )(0),
      )
      t.equal(verdicts.filter(by('postgres')).length, verdicts.length, 'all by Postgres')
      t.equal(asked.redis, askedBefore, 'none waits for Redis')
      t.equal(await passOf(t, limiter, 'postgres'), 100, 'the limit holds')
      t.same(lines, ['redis open'], 'said once')

      await comeBack()
      await usedAgain(limiter, 'redis')
      t.equal(await passOf(t, limiter, 'redis'), 100, 'the limit holds')
      t.same(lines, ['redis open', 'redis closed'])
    })
  }
})

t.test('both unavailable: all pass; both back: limits hold', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { limiter, redis, restartRedis, postgres, lines, asked } = system
  for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
    lines.length = 0
    for (const service of [redis(), postgres]) service.kill(signal)
    await under(limiter, () => lines.length === 2)
    const askedBefore = { ...asked }
    const verdicts = await under(
      limiter,
      (
        (n) => () =>
          ++n > 2_000
      )(0),
    )
    t.equal(verdicts.filter(by('none')).length, verdicts.length, 'nobody counts')
    t.same(asked, askedBefore, 'none waits for either')
    t.equal(await passOf(t, limiter, 'none'), 300, 'all pass')
    if (signal === 'SIGKILL') break
    for (const service of [redis(), postgres]) service.kill('SIGCONT')
    await usedAgain(limiter, 'redis')
    t.equal(await passOf(t, limiter, 'redis'), 100, 'the limit holds')
    redis().kill('SIGKILL')
    await redis().exited
    await usedAgain(limiter, 'postgres')
    t.equal(await passOf(t, limiter, 'postgres'), 100, 'the limit holds')
    await restartRedis()
    await usedAgain(limiter, 'redis')
  }
})

t.test('Redis up and down every 300 ms', alone, async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { limiter, gate, lines } = system
  const timers = () => process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length
  const startedMs = performance.now()
  const key = newKey()
  const passed = { redis: 0, postgres: 0, none: 0 }
  let isOver = false
  const flapping = (async () => {
    for (let isUp = false; !isOver; isUp = !isUp) {
      await (isUp ? gate.open() : gate.shut())
      await delay(300)
    }
  })()
  const timersBefore = timers()
  let asked = 0
  // A slow machine takes longer until either store has been asked for more than it allows.
  while (performance.now() - startedMs < 9_000 || asked <= 500 || passed.postgres < 100) {
    const verdicts = await Promise.all(Array.from({ length: 5 }, () => limiter.take(policy, key)))
    asked += verdicts.length
    for (const one of verdicts) if (isAllowed(one) && one.store !== 'busy') passed[one.store]++
    await delay(2)
  }
  isOver = true
  await flapping
  const tookSeconds = (performance.now() - startedMs) / 1_000
  await usedAgain(limiter, 'redis')
  t.comment(`${asked} asked; passed ${JSON.stringify(passed)}; ${lines.length} changes`)
  // A command that was in flight when its connection was cut may have been counted without an answer.
  const lost = limiter.counts.stores.get('redis')?.failures ?? 0
  t.ok(passed.redis <= 100 && passed.redis >= 100 - lost, 'in Redis each is counted once')
  t.equal(passed.postgres, 100, 'in Postgres, too')
  t.equal(passed.none, 0)
  // Twice a second at most; nothing like once for each request.
  t.ok(lines.length >= 2 && lines.length <= 2 * (tookSeconds + 1) + 2, `${lines.length} changes`)
  t.ok(timers() <= timersBefore + 3, `${timersBefore} timers, then ${timers()}`)
})

t.test(
  'what is undecided is bounded, of a key and in all: who comes on top is refused',
  async (t) => {
    const idle = {
      open: () => Promise.resolve(),
      refund: () => Promise.resolve(),
      reconnect() {},
      close: () => Promise.resolve(),
    }
    const waiting: (() => void)[] = []
    const decision: Decision = { allowed: true, remaining: 1, retryAfterMs: 0, resetMs: 0, atUs: 0 }
    const slow: LimitStore = {
      ...idle,
      take: () => new Promise((resolve) => waiting.push(() => resolve(decision))),
    }
    const unused: LimitStore = { ...idle, take: () => Promise.reject(new Error('asked')) }
    const limiter = createLimiter(
      [
        { name: 'redis', store: slow },
        { name: 'postgres', store: unused },
      ],
      [policy],
      silentLog,
    )
    const take = (key: string, count: number) =>
      Array.from({ length: count }, () => limiter.take(policy, key))
    const burst = take('a', 5_000)
    t.equal(waiting.length, 100, 'no more than the limit')
    const others = Array.from({ length: 2_000 }, (_, i) => take(`key ${i}`, 1)).flat()
    t.equal(waiting.length, 1_024)
    for (const decide of waiting) decide()
    const outcomes = async (all: Promise<LimitVerdict>[]) => {
      const verdicts = await Promise.all(all)
      return [verdicts.filter(by('redis')).length, verdicts.filter(by('busy')).length]
    }
    t.same(await outcomes(burst), [100, 4_900])
    t.same(await outcomes(others), [924, 1_076])
    t.equal(limiter.counts.stores.get('redis')?.failures, 0, 'that is no failure of the store')
    const next = take('a', 1)
    waiting.at(-1)?.()
    t.same(await outcomes(next), [1, 0], 'and over when they are decided')
  },
)

t.test('statements that were given up leave no attempts to connect behind', alone, async (t) => {
  const timers = () => process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length
  const service = await ownPostgres(t)
  await migrate(service.url, migrationsDirectory)
  const store = createPostgresLimitStore(databasesAt(service.url), { timeoutMs: 500 })
  const limiter = createLimiter([{ name: 'postgres', store }], [policy], silentLog)
  await limiter.open()
  const before = timers()
  const flood = async (forMs: number) => {
    for (const endMs = performance.now() + forMs; performance.now() < endMs; await delay(1)) {
      for (let i = 0; i < 5; i++) void limiter.take(policy, newKey())
    }
  }
  service.kill('SIGSTOP')
  await flood(1_500)
  service.kill('SIGCONT')
  await flood(500)
  service.kill('SIGKILL')
  await service.exited
  await flood(2_500)
  await limiter.close()
  // Each would be tried for again, once a second.
  await eventually(timers, (count) => count <= before)
})
