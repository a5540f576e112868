// Limits counted in Redis. One script for each algorithm makes a decision one atomic step and one
// round trip. Redis's clock is the one that all processes and hosts share. Every key ends by
// itself.

import type { RedisConnections } from '../drivers/redis/connections.ts'
import { script, type Script } from '../drivers/redis/scripts.ts'
import { withTimeout } from '../runtime/deadline.ts'
import { keyOf, type Decision, type LimitStore, type Policy } from './policy.ts'
import { windowDecision } from './sliding-window.ts'
import { bucketDecision, tokenUsOf } from './token-bucket.ts'

/** Numbers go to Redis and back whole: microseconds since the epoch fit a double 5 times over. */
const now = `
local time = redis.call('TIME')
local at = time[1] * 1000000 + time[2]
local function whole(number) return string.format('%.0f', number) end
local function natural(text)
  return type(text) == 'string' and string.match(text, '^%d+$') and tonumber(text) or 0
end`

// What somebody else has put under a key counts as nothing, and is replaced: one such key failed for
// good, and five failures in a row send everybody's limits to Postgres.
// KEYS: bucket; ARGV: limit, microseconds of a token.
const bucketScript = `${now}
local token = tonumber(ARGV[2])
local capacity = ARGV[1] * token
local full = math.min(math.max(natural(redis.pcall('GET', KEYS[1])), at), at + capacity)
if full + token - at > capacity then return {0, at, full} end
full = full + token
redis.call('SET', KEYS[1], whole(full), 'PX', math.ceil((full - at) / 1000))
return {1, at, full}`

// KEYS: bucket; ARGV: microseconds of a token.
const refundScript = `${now}
local full = natural(redis.pcall('GET', KEYS[1])) - ARGV[1]
if full <= at then redis.call('UNLINK', KEYS[1]) return {} end
redis.call('SET', KEYS[1], whole(full), 'PX', math.ceil((full - at) / 1000))
return {}`

// KEYS: window; ARGV: limit, milliseconds of a window.
const windowScript = `${now}
local limit, length = tonumber(ARGV[1]), tonumber(ARGV[2])
local ms = math.floor(at / 1000)
local window, current, previous = math.floor(ms / length), 0, 0
local held = redis.pcall('HMGET', KEYS[1], 'window', 'current', 'previous')
if held['err'] then held = {} redis.call('UNLINK', KEYS[1]) end
local ahead = natural(held[1]) - window
if ahead == 0 or ahead == 1 then
  window, current, previous = window + ahead, natural(held[2]), natural(held[3])
elseif ahead == -1 then
  previous = natural(held[2])
end
local left = length - math.max(0, ms - window * length)
if previous * left + current * length > (limit - 1) * length then
  return {0, at, window, current, previous}
end
current = current + 1
redis.call('HSET', KEYS[1], 'window', whole(window), 'current', current, 'previous', previous)
redis.call('PEXPIRE', KEYS[1], 2 * length)
return {1, at, window, current, previous}`

const scripts = {
  bucket: script(bucketScript),
  refund: script(refundScript),
  window: script(windowScript),
}

export const createRedisLimitStore = (redis: RedisConnections, timeoutMs: number): LimitStore => {
  // A connection of its own: limits must not wait behind lists.
  const client = redis.connect({ timeoutMs })

  const run = async (script: Script, key: string, ...values: number[]) =>
    (await client.evaluate({ script, keys: [key], values })) as number[]

  const decide = async (policy: Policy, key: string): Promise<Decision> => {
    const name = redisKeyOf(policy, key)
    if (policy.algorithm === 'token-bucket') {
      const seen = await run(scripts.bucket, name, policy.limit, tokenUsOf(policy))
      const [allowed = 0, atUs = 0, fullAtUs = 0] = seen
      return bucketDecision(policy, { allowed: allowed === 1, atUs, fullAtUs })
    }
    const seen = await run(scripts.window, name, policy.limit, policy.windowSec * 1_000)
    const [allowed = 0, atUs = 0, window = 0, current = 0, previous = 0] = seen
    return windowDecision(policy, { allowed: allowed === 1, atUs, window, current, previous })
  }

  return {
    take: decide,
    async refund(policy, key) {
      await run(scripts.refund, redisKeyOf(policy, key), tokenUsOf(policy))
    },
    async open() {
      await withTimeout(openTimeoutMs, client.opened)
    },
    reconnect: () => client.replace('a probe failed'),
    close() {
      client.close()
      return Promise.resolve()
    },
  }
}

/** One key for a script: Redis Cluster asks for no hash tag. */
export const redisKeyOf = (policy: Policy, key: string): string =>
  `todos:rate:${keyOf(policy, key)}`

const openTimeoutMs = 1_000
