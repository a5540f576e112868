// Both stores held to the model, decision by decision: random policies, keys and arrivals, each judged at
// the moment that the store itself says it decided at.

import { Redis } from 'ioredis'
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { openRedis } from '../drivers/redis/connections.ts'
import { databasesAt } from '../../testing/databases.ts'
import { createPool } from '../drivers/postgres/pool.ts'
import { eventually } from '../../testing/eventually.ts'
import { redisTopologies, testRedis } from '../../testing/redis-topologies.ts'
import { ownRedis, testDatabase } from '../../testing/services.ts'
import { silentLog } from '../../testing/settings.ts'
import { seeded } from '../../testing/seeded.ts'
import { takeFromBucket, takeFromWindow } from './model.ts'
import type { Decision, LimitStore, Policy } from './policy.ts'
import { createPostgresLimitStore, pruneRateLimits } from './postgres.ts'
import { createRedisLimitStore } from './redis.ts'
import { windowDecision, type WindowSeen } from './sliding-window.ts'
import { bucketDecision, type BucketSeen } from './token-bucket.ts'

/** A loaded machine is late, and a decision that comes late is still a decision. */
const timeoutMs = 10_000

type OpenStore = (t: Test) => Promise<LimitStore | undefined>

const inRedis =
  (start: (t: Test) => Promise<string | undefined>): OpenStore =>
  async (t) => {
    const url = await start(t)
    return url === undefined ? undefined : createRedisLimitStore(testRedis(t, url), timeoutMs)
  }

const stores: Readonly<Record<string, OpenStore>> = {
  ...Object.fromEntries(
    Object.entries(redisTopologies).map(([name, start]) => [name, inRedis(start)]),
  ),
  async postgres(t) {
    return createPostgresLimitStore(databasesAt(await testDatabase(t)), { timeoutMs })
  },
}

/** What the model makes of the decisions of one key, in the order in which they come. */
const createModel = (policy: Policy) => {
  let bucket: BucketSeen | undefined
  let window: WindowSeen | undefined
  return (atUs: number): Decision => {
    if (policy.algorithm === 'token-bucket') {
      bucket = takeFromBucket(policy, bucket, atUs)
      return bucketDecision(policy, bucket)
    }
    window = takeFromWindow(policy, window, atUs)
    return windowDecision(policy, window)
  }
}

for (const [name, openStore] of Object.entries(stores)) {
  void t.test(
    `${name}: what is given back may be taken again, and no more than that`,
    async (t) => {
      const store = await openStore(t)
      if (!store) return
      t.teardown(() => store.close())
      await store.open()
      const policy: Policy = {
        name: 'login',
        algorithm: 'token-bucket',
        limit: 2,
        windowSec: 3_600,
      }
      const take = async () => (await store.take(policy, 'ann')).allowed
      await store.refund(policy, 'ann')
      t.same([await take(), await take(), await take()], [true, true, false])
      await store.refund(policy, 'ann')
      t.same([await take(), await take()], [true, false])
      for (let i = 0; i < 5; i++) await store.refund(policy, 'ann')
      t.same([await take(), await take(), await take()], [true, true, false], 'a full one is full')
    },
  )

  void t.test(`${name}: at once, exactly the limit`, async (t) => {
    const store = await openStore(t)
    if (!store) return
    t.teardown(() => store.close())
    await store.open()
    const { now } = Date
    t.teardown(() => {
      Date.now = now
    })
    for (const algorithm of ['token-bucket', 'sliding-window'] as const) {
      const policy: Policy = { name: `once-${algorithm}`, algorithm, limit: 100, windowSec: 86_400 }
      const decisions = await Promise.all(
        Array.from({ length: 1_000 }, (_, i) => {
          // Nobody's own clock has a say.
          Date.now = () => now() + ((i % 3) - 1) * 3_600_000
          return store.take(policy, 'a')
        }),
      )
      t.equal(decisions.filter(({ allowed }) => allowed).length, 100, algorithm)
      t.ok(decisions.every(({ allowed, remaining }) => allowed || remaining === 0))
    }
  })

  // Which decision it is does not depend on how many masters there are.
  if (name.startsWith('redis ')) continue

  void t.test(`${name}: each decision is the model's`, async (t) => {
    const store = await openStore(t)
    if (!store) return
    t.teardown(() => store.close())
    await store.open()
    const random = seeded(t)
    const refused = { 'token-bucket': 0, 'sliding-window': 0 }

    const run = async (round: number) => {
      const algorithm = round % 2 === 0 ? 'token-bucket' : 'sliding-window'
      const policy: Policy = {
        name: `round-${round}`,
        algorithm,
        limit: 1 + random.below(30),
        windowSec: 1,
      }
      const models = ['a', 'b'].map((key) => ({
        key,
        model: createModel(policy),
        seen: [] as Decision[],
      }))
      const endMs = performance.now() + 3_500
      while (performance.now() < endMs) {
        const { key, model, seen } = models[random.below(2)] as (typeof models)[number]
        const decision = await store.take(policy, key)
        seen.push(decision)
        const expected = model(decision.atUs)
        if (JSON.stringify(decision) !== JSON.stringify(expected)) {
          t.same(decision, expected, `${JSON.stringify(policy)}, decision ${seen.length} of ${key}`)
          return
        }
        if (!decision.allowed) refused[algorithm]++
        // Now a burst, now as long as it was told to wait, now any time.
        const choice = random.below(20)
        if (choice === 0) await delay(Math.ceil(decision.retryAfterMs))
        else if (choice < 4) await delay(random.below(120))
      }
      for (const { seen } of models) checkWindows(t, policy, seen)
    }
    await Promise.all(Array.from({ length: 8 }, (_, round) => run(round)))
    t.ok(refused['token-bucket'] > 10 && refused['sliding-window'] > 10, JSON.stringify(refused))
  })

  void t.test(
    `${name}: who waits as long as told is let in, a moment earlier is not`,
    async (t) => {
      const store = await openStore(t)
      if (!store) return
      t.teardown(() => store.close())
      await store.open()
      for (const algorithm of ['token-bucket', 'sliding-window'] as const) {
        const policy: Policy = { name: `wait-${algorithm}`, algorithm, limit: 3, windowSec: 1 }
        for (let i = 0; i < 5; i++) {
          let last = await store.take(policy, 'a')
          while (last.allowed) last = await store.take(policy, 'a')
          const dueUs = last.atUs + last.retryAfterMs * 1_000
          // Asked again and again until it is: each answer is on the right side of what was reported.
          for (let next = last; !next.allowed;) {
            next = await store.take(policy, 'a')
            // Windows are counted in whole milliseconds.
            const isDue = next.atUs >= dueUs - (algorithm === 'token-bucket' ? 0 : 1_000)
            if (next.allowed !== isDue && Math.abs(next.atUs - dueUs) > 1_000) {
              t.fail(`${algorithm}: ${next.allowed} ${next.atUs - dueUs} us after it was due`)
              return
            }
          }
        }
        t.pass(algorithm)
      }
    },
  )
}

/** What both algorithms promise of any window at all, whatever the model says. */
const checkWindows = (t: Test, { algorithm, limit, windowSec }: Policy, seen: Decision[]) => {
  const atUs = seen.filter(({ allowed }) => allowed).map((one) => one.atUs)
  const within = (fromUs: number) =>
    atUs.filter((at) => at >= fromUs && at < fromUs + windowSec * 1e6).length
  const most = Math.max(...atUs.map(within))
  t.ok(most <= 2 * limit, `${algorithm}: ${most} of ${limit} in any window`)
}

t.test('redis: every key ends, and a Redis without our scripts is given them', async (t) => {
  const service = await ownRedis(t)
  if (!service) return
  const store = createRedisLimitStore(openRedis(service.url, silentLog), timeoutMs)
  const redis = new Redis(service.url)
  t.teardown(async () => {
    await store.close()
    redis.disconnect()
  })
  await store.open()
  for (const algorithm of ['token-bucket', 'sliding-window'] as const) {
    const policy: Policy = { name: algorithm, algorithm, limit: 2, windowSec: 10 }
    await redis.script('FLUSH')
    for (let i = 0; i < 4; i++) {
      t.equal((await store.take(policy, 'a')).allowed, i < 2)
      const [key = '', ...others] = await redis.keys(`todos:rate:${algorithm}:*`)
      t.same(others, [])
      const ttlMs = await redis.pttl(key)
      t.ok(ttlMs > 0 && ttlMs <= (algorithm === 'token-bucket' ? 10_000 : 20_000), `${ttlMs} ms`)
    }
  }
})

t.test('postgres: what means nothing any more goes, the rest stays', async (t) => {
  const url = await testDatabase(t)
  const store = createPostgresLimitStore(databasesAt(url), { timeoutMs })
  const pool = createPool({ url, poolSize: 1, timeoutMs })
  const sql = postgres(url, { max: 1 })
  t.teardown(() => Promise.all([store.close(), pool.close(), sql.end()]))
  const take = async (algorithm: Policy['algorithm'], windowSec: number) => {
    const policy: Policy = { name: algorithm, algorithm, limit: 1, windowSec }
    for (let i = 0; i < 2; i++) await store.take(policy, 'a')
  }
  for (const algorithm of ['token-bucket', 'sliding-window'] as const) {
    await take(algorithm, 1)
    await take(algorithm, 3_600)
  }
  const rows = () => sql<{ key: string }[]>`
    SELECT key FROM rate_limit_buckets UNION ALL SELECT key FROM rate_limit_windows ORDER BY 1`
  t.equal((await rows()).length, 4)
  await eventually(
    async () => {
      await pruneRateLimits(pool)
      return (await rows()).map(({ key }) => key)
    },
    (keys) => keys.length === 2,
  )
  t.same(
    (await rows()).map(({ key }) => key),
    ['sliding-window:1/3600:a', 'token-bucket:1/3600:a'],
  )
})
