// Chooses the page cache's driver by configuration: one place, used by server and worker.

import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import { noPageCache, type PageCache } from './page-cache.ts'
import { createRedisPageCache } from './redis.ts'

export const openPageCache = (config: Config, log: Log): PageCache =>
  config.LIST_CACHE === 'redis'
    ? createRedisPageCache({ url: config.REDIS_URL, ttlSec: config.CACHE_TTL_SEC }, log)
    : noPageCache
