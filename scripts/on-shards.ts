// The shards of DATABASE_SHARDS for a command that works on all of them: it does nothing by halves, so one
// that does not answer, or is another, ends it.

import { identityFault, mapFault, shardsWaiting, type ShardMap } from '../lib/domain/shard-map.ts'
import type { Pool } from '../lib/drivers/postgres/pool.ts'
import { closeShards, openShards } from '../lib/drivers/postgres/shards.ts'
import type { Config } from '../lib/runtime/config/config.ts'
import { readShardIdentity, readShardMap, readShardMapIfAny } from '../lib/shards/postgres.ts'

export type OnShards = {
  readonly map: ShardMap
  /** By name: all that the map has. */
  readonly pools: ReadonlyMap<string, Pool>
}

/** `main`: of DATABASE_URL. `work` gets nothing where there are no shards. */
export const onShards = async <T>(
  config: Config,
  main: Pool,
  timeoutMs: number,
  work: (shards: OnShards | undefined) => Promise<T>,
): Promise<T> => {
  if (config.DATABASE_SHARDS === '') {
    const fault = mapFault(await readShardMapIfAny(main), [])
    if (fault !== undefined) throw new Error(fault)
    return work(undefined)
  }
  const databases = openShards(config)
  try {
    const pools = new Map(
      [...databases].map(([name, one]) => [name, one.pool('todos', { timeoutMs })]),
    )
    const map = await readShardMap(main)
    const fault = mapFault(map, [...pools.keys()])
    if (!map || fault !== undefined) throw new Error(fault)
    for (const name of shardsWaiting(map, [...pools.keys()])) pools.delete(name)
    for (const [name, pool] of pools) {
      const found = await readShardIdentity(pool).catch((error: unknown) => {
        throw new Error(`the shard ${name}: ${(error as Error).message}`, { cause: error })
      })
      const fault = identityFault(map, name, found)
      if (fault !== undefined) throw new Error(fault)
    }
    return await work({ map, pools })
  } finally {
    await closeShards(databases)
  }
}
