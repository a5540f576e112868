// Chooses the page cache's driver by configuration: one place, used by server and worker.

import type { RedisConnections } from '../drivers/redis/connections.ts'
import type { Config } from '../runtime/config/config.ts'
import type { Log } from '../runtime/log.ts'
import { noPageCache, type PageCache } from './page-cache.ts'
import { createRedisPageCache } from './redis.ts'

/** A change that was never announced (its worker was killed right after COMMIT) shows after this. */
export const pageTtlSecMax = 30

/** For so long a page may be out of date; 0: none is kept. */
export const pageTtlSec = (config: Config): number =>
  config.LIST_CACHE === 'redis' ? Math.min(config.CACHE_TTL_SEC, pageTtlSecMax) : 0

export const openPageCache = (config: Config, redis: RedisConnections, log: Log): PageCache =>
  config.LIST_CACHE === 'redis'
    ? createRedisPageCache(redis, { ttlSec: pageTtlSec(config) }, log)
    : noPageCache
