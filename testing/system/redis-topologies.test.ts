// What we keep in Redis, in each way in which Redis is run. A cluster refuses every script and command
// whose keys are not all in one slot: each script of ours is run on one, and none is refused.

import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { RedisClient } from '../../lib/drivers/redis/client.ts'
import type { RedisConnections } from '../../lib/drivers/redis/connections.ts'
import type { Evaluation } from '../../lib/drivers/redis/scripts.ts'
import { slotOf } from '../../lib/drivers/redis/slot.ts'
import { createRedisEventAppender, createRedisEventReader } from '../../lib/events/redis.ts'
import { createRedisListCache } from '../../lib/list-cache/redis.ts'
import { createRedisPageCache } from '../../lib/page-cache/redis.ts'
import { createRedisLimitStore } from '../../lib/rate-limit/redis.ts'
import { repository } from '../../scripts/paths.ts'
import { eventually } from '../eventually.ts'
import { hear } from '../heard-events.ts'
import { readPaths } from '../house-files.ts'
import { redisTopologies, testRedis } from '../redis-topologies.ts'
import { silentLog } from '../settings.ts'

const timeoutMs = 5_000
/** Names enough that each of three masters has some. */
const spread = Array.from({ length: 10 }, (_, i) => String(i))

type Case = (t: Test, redis: RedisConnections, admin: RedisClient) => Promise<void>

const cases: Readonly<Record<string, Case>> = {
  async lists(t, redis, admin) {
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
    const get = (key: string) => admin.run(key, (one) => one.get(key))
    for (const key of ['todos:limit:10', 'todos:limit:100', 'todos:limit:1000', 'todos:all']) {
      await eventually(
        () => get(key),
        (found) => found === '[]',
      )
    }
    await cache.overrule(7, 6)
    t.equal(await get('todos:limit:10'), null)
    t.equal(await cache.known(), 6)
    await cache.ping()
  },

  async 'pages, of users whose names are braces, too'(t, redis, admin) {
    const cache = createRedisPageCache(redis, { ttlSec: 300 }, silentLog)
    t.teardown(() => cache.close())
    const users = ['ann', 'bob', '}', '{', '{}', 'a}b{c', '', ...spread]
    const pageOf = (userId: string) => ({ owner: `user:${userId}` as const, limit: 10, page: 1 })
    const fill = async (userId: string) => {
      await cache.get(pageOf(userId))
      const snapshot = { version: 1, total: 1, body: Buffer.from(userId) }
      await cache.fill(pageOf(userId), snapshot)
      t.same(await cache.get(pageOf(userId)), snapshot, `"${userId}"`)
    }
    for (const userId of users) await fill(userId)
    await cache.changed(new Map(users.map((userId) => [`user:${userId}` as const, 2])))
    for (const userId of users) {
      const key = `{user:${encodeURIComponent(userId)}}:version`
      const version = await admin.run(key, (one) => one.get(key))
      t.equal(version, '2', `the change of "${userId}" was told`)
      t.equal(await cache.get(pageOf(userId)), undefined)
    }
    await cache.forget(users.map((userId) => `user:${userId}` as const))
    await fill('ann')
  },

  async limits(t, redis) {
    const limits = createRedisLimitStore(redis, timeoutMs)
    t.teardown(() => limits.close())
    await limits.open()
    for (const algorithm of ['token-bucket', 'sliding-window'] as const) {
      for (const key of ['ann', '{', '{}', '{a}{b}', ...spread]) {
        const policy = { name: algorithm, algorithm, limit: 1, windowSec: 60 }
        t.match(await limits.take(policy, key), { allowed: true }, `${algorithm} of "${key}"`)
        t.match(await limits.take(policy, key), { allowed: false }, `${algorithm} of "${key}"`)
        if (algorithm === 'token-bucket') await limits.refund(policy, key)
      }
    }
  },

  async 'events, and their reset'(t, redis) {
    const appender = createRedisEventAppender(redis)
    const reader = createRedisEventReader(redis)
    t.teardown(() => Promise.all([appender.close(), reader.close()]))
    await eventually(reader.fault, (fault) => fault === undefined)
    const channels = spread.map((name) => `user:${name}` as const)
    const heard = await Promise.all(channels.map((channel) => hear(reader, channel)))
    const events = channels.map((channel) => ({ channel, body: '1' }))
    await appender.append([{ source: 'log/0', number: 1, events }])
    const signals: string[] = []
    await reader.listen('user:1', (body) => void signals.push(body))
    await reader.send([{ channel: 'user:1', body: 'now' }])
    for (const { bodies } of heard) {
      await eventually(
        () => bodies,
        ({ length }) => length === 1,
      )
    }
    await eventually(
      () => signals,
      ([signal]) => signal === 'now',
    )
    await appender.reset()
    for (const { bodies } of heard) {
      await eventually(
        () => bodies,
        (all) => all.includes('gap'),
      )
    }
    t.pass('heard in each channel')
  },
}

/** Notes what is evaluated through `redis`. */
const recorded = (redis: RedisConnections, seen: Evaluation[]): RedisConnections => ({
  ...redis,
  connect(settings) {
    const client = redis.connect(settings)
    const note = (evaluation: Evaluation) => void seen.push(evaluation)
    return {
      ...client,
      evaluate(one) {
        note(one)
        return client.evaluate(one)
      },
      evaluateBuffers(one) {
        note(one)
        return client.evaluateBuffers(one)
      },
      evaluateAll(all) {
        all.forEach(note)
        return client.evaluateAll(all)
      },
    }
  },
})

for (const [name, start] of Object.entries(redisTopologies)) {
  void t.test(`on ${name} no script and no command of ours is refused`, async (t) => {
    const url = await start(t)
    if (url === undefined) return
    const seen: Evaluation[] = []
    const connections = testRedis(t, url)
    const redis = recorded(connections, seen)
    const admin = connections.connect({ timeoutMs })
    for (const [what, run] of Object.entries(cases)) {
      await t.test(what, (t) => run(t, redis, admin))
    }
    const apart = seen.filter(({ keys }) => new Set(keys.map(slotOf)).size > 1)
    t.same(
      apart.map(({ keys }) => keys),
      [],
      'all keys of each are in one slot',
    )
    // The canary of events is evaluated on each master by itself.
    const scripts = new Set(seen.map(({ script }) => script.sha))
    t.equal(scripts.size + 1, scriptsInSource(), 'each script was run')
  })
}

const scriptsInSource = (): number => {
  const root = fileURLToPath(repository)
  const sources = readPaths(root).filter(
    (path) =>
      path.startsWith('lib/') && !path.startsWith('lib/drivers/') && !/\.(test|bench)\./.test(path),
  )
  return sources.reduce(
    (sum, path) =>
      sum + [...readFileSync(join(root, path), 'utf8').matchAll(/[=:] script\(/g)].length,
    0,
  )
}
