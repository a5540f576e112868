// Forgets what was counted of a user who is gone. It would go by itself, some time after the last request.

import type { Pool } from '../drivers/postgres/pool.ts'
import type { RedisConnections } from '../drivers/redis/connections.ts'
import type { Config } from '../runtime/config/config.ts'
import { keyOf } from './policy.ts'
import { redisKeyOf } from './redis.ts'
import { countsByUser, limitPolicies } from './request-policies.ts'

const timeoutMs = 1_000

export const openForgetLimits = (
  config: Config,
  pool: Pool,
  redis: RedisConnections,
): ((userId: string) => Promise<void>) => {
  const policies = limitPolicies(config).filter(countsByUser)
  return async (userId) => {
    const keys = policies.map((policy) => keyOf(policy, userId))
    await pool.run(
      (sql) => sql`
        WITH buckets AS (DELETE FROM rate_limit_buckets WHERE key = ANY(${keys}))
        DELETE FROM rate_limit_windows WHERE key = ANY(${keys})`,
    )
    if (config.LIST_CACHE !== 'redis') return
    const client = redis.connect({ timeoutMs })
    try {
      // One by one: in a cluster they are in different slots.
      for (const policy of policies) {
        const key = redisKeyOf(policy, userId)
        await client.run(key, (redis) => redis.unlink(key))
      }
    } finally {
      client.close()
    }
  }
}
