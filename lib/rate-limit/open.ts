// Chooses what counts rate limits by configuration: Redis where there is one, then Postgres.

import type { Config } from '../runtime/config/config.ts'
import type { Log } from '../runtime/log.ts'
import { postgresUrls } from '../drivers/postgres/urls.ts'
import { createLimiter, type Backend, type Limiter } from './failover.ts'
import type { Policy } from './policy.ts'
import { createPostgresLimitStore } from './postgres.ts'
import { createRedisLimitStore } from './redis.ts'

export const openLimiter = (config: Config, policies: readonly Policy[], log: Log): Limiter => {
  const timeoutMs = config.LIMIT_TIMEOUT_MS
  const postgres: Backend = {
    name: 'postgres',
    store: createPostgresLimitStore({ ...postgresUrls(config), timeoutMs, log }),
  }
  if (config.LIST_CACHE === 'postgres') return createLimiter([postgres], policies, log)
  const redis: Backend = {
    name: 'redis',
    store: createRedisLimitStore({ url: config.REDIS_URL, timeoutMs }, log),
  }
  return createLimiter([redis, postgres], policies, log)
}
