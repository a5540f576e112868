// Chooses the driver of events by configuration, in one place: they are kept where lists are.

import type { Config } from '../runtime/config/config.ts'
import type { Log } from '../runtime/log.ts'
import type { PoolStats } from '../runtime/pool-stats.ts'
import type { Databases } from '../drivers/postgres/databases.ts'
import type { RedisConnections } from '../drivers/redis/connections.ts'
import type { EventAppender, EventReader } from './events.ts'
import { createPostgresEventAppender, createPostgresEventReader } from './postgres.ts'
import { createRedisEventAppender, createRedisEventReader } from './redis.ts'

export const openEventAppender = (
  config: Config,
  databases: Databases,
  redis: RedisConnections,
  log: Log,
  use?: PoolStats,
): EventAppender =>
  config.LIST_CACHE === 'redis'
    ? createRedisEventAppender(redis)
    : createPostgresEventAppender(databases, { log, ...(use && { use }) })

export const openEventReader = (
  config: Config,
  databases: Databases,
  redis: RedisConnections,
  log: Log,
): EventReader =>
  config.LIST_CACHE === 'redis'
    ? createRedisEventReader(redis)
    : createPostgresEventReader(databases, { log })
