// Chooses the list cache's driver by configuration: one place, used by server and worker.

import type { Config } from '../runtime/config/config.ts'
import type { Log } from '../runtime/log.ts'
import type { PoolStats } from '../runtime/pool-stats.ts'
import type { Databases } from '../drivers/postgres/databases.ts'
import type { RedisConnections } from '../drivers/redis/connections.ts'
import type { ListCache } from './list-cache.ts'
import { createPostgresListCache } from './postgres.ts'
import { createRedisListCache } from './redis.ts'

/** `poolSize`: Redis data connections of this process. `shard`: whose lists, where there are several. */
export const openListCache = (
  config: Config,
  databases: Databases,
  redis: RedisConnections,
  poolSize: number,
  log: Log,
  use?: PoolStats,
  shard?: string,
): ListCache => {
  const watched = use && { use }
  return config.LIST_CACHE === 'redis'
    ? createRedisListCache(redis, { ttlSec: config.CACHE_TTL_SEC, poolSize, shard, ...watched })
    : createPostgresListCache(databases, { log, ...watched })
}
