// Chooses the list cache's driver by configuration: one place, used by server and worker.

import type { Config } from '../runtime/config/config.ts'
import type { Log } from '../runtime/log.ts'
import type { PoolUse } from '../runtime/pool-stats.ts'
import { postgresUrls } from '../drivers/postgres/urls.ts'
import type { ListCache } from './list-cache.ts'
import { createPostgresListCache } from './postgres.ts'
import { createRedisListCache } from './redis.ts'

/** `poolSize`: Redis data connections of this process. */
export const openListCache = (
  config: Config,
  poolSize: number,
  log: Log,
  use?: PoolUse,
): ListCache => {
  const watched = use && { use }
  return config.LIST_CACHE === 'redis'
    ? createRedisListCache(
        { url: config.REDIS_URL, ttlSec: config.CACHE_TTL_SEC, poolSize, ...watched },
        log,
      )
    : createPostgresListCache({ ...postgresUrls(config), log, ...watched })
}
