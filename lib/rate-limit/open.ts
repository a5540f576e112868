// Chooses what counts rate limits by configuration: Redis where there is one, then Postgres.

import type { Config } from '../runtime/config/config.ts'
import type { Log } from '../runtime/log.ts'
import type { Databases } from '../drivers/postgres/databases.ts'
import type { RedisConnections } from '../drivers/redis/connections.ts'
import { createLimiter, type Backend, type Limiter } from './failover.ts'
import type { Policy } from './policy.ts'
import { createPostgresLimitStore } from './postgres.ts'
import { createRedisLimitStore } from './redis.ts'

export const openLimiter = (
  config: Config,
  databases: Databases,
  redis: RedisConnections,
  policies: readonly Policy[],
  log: Log,
): Limiter => {
  const timeoutMs = config.LIMIT_TIMEOUT_MS
  const postgres: Backend = {
    name: 'postgres',
    store: createPostgresLimitStore(databases, { timeoutMs, log }),
  }
  if (config.LIST_CACHE === 'postgres') return createLimiter([postgres], policies, log)
  const first: Backend = { name: 'redis', store: createRedisLimitStore(redis, timeoutMs) }
  return createLimiter([first, postgres], policies, log)
}
