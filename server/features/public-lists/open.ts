// The lists in memory, by configuration.

import type { Config } from '../../../lib/runtime/config/config.ts'
import { listMemory } from '../../../lib/runtime/config/list-memory.ts'
import type { Log } from '../../../lib/runtime/log.ts'
import { createHotLists, type HotLists } from './hot-list.ts'
import type { ListSource } from './merged-list.ts'

/** `sources`: one, or one for each shard. `headers`: of every reply, besides its own. */
export const openHotLists = (
  config: Config,
  sources: readonly ListSource[],
  headers: readonly string[],
  log: Log,
): HotLists =>
  createHotLists({
    sources,
    headers,
    settings: {
      ttlMs: config.CACHE_TTL_SEC * 1_000,
      refreshIntervalMs: config.LIST_REFRESH_INTERVAL_MS,
      refreshTimeoutMs: config.LIST_REFRESH_TIMEOUT_MS,
      staleIfErrorMs: config.LIST_STALE_IF_ERROR_SEC * 1_000,
      memoryBytesMax: listMemory(config).keptBytesMax,
    },
    log,
  })
