// The logs that the database of the map knows, and the positions that each shard has: for the operator's
// command that says which log it is. All shards are asked and changed, or it is said which was not.

import {
  guestsOfShard,
  partitionOfBucket,
  partitionsOfShard,
  type ShardMap,
} from '../domain/shard-map.ts'
import type { Pool } from '../drivers/postgres/pool.ts'
import { openCommandLogs, type CommandLogs } from './command-logs.ts'

export const openShardedLogs = (
  map: ShardMap,
  accounts: Pool,
  pools: ReadonlyMap<string, Pool>,
): CommandLogs => {
  const main = openCommandLogs(accounts)
  const shards = [...pools].map(([name, pool]) => {
    const guests = guestsOfShard(map, name).map((bucket) => partitionOfBucket(map, bucket))
    const applied = new Set([...partitionsOfShard(map, name), ...guests])
    return { name, logs: openCommandLogs(pool), applied }
  })
  return {
    registered: main.registered,
    names: main.names,
    async nextOffsets(log) {
      const found = await Promise.all(
        shards.map(async ({ logs, applied }) =>
          [...(await logs.nextOffsets(log))].filter(([partition]) => applied.has(partition)),
        ),
      )
      // What some part of is not applied is not applied.
      const lowest = new Map<number, number>()
      for (const [partition, next] of found.flat())
        lowest.set(partition, Math.min(next, lowest.get(partition) ?? Infinity))
      return lowest
    },
    async adopt(log, found, positions) {
      const spread = { ...found, partitions: map.shards.length }
      // Shards first, as with a new log: begun anew, it goes on. Until the last, all servers refuse writes.
      for (const { name, logs } of shards) {
        // Of all partitions: buckets of any may have been moved here. Of others nobody asks for it.
        await logs.adopt(log, spread, positions).catch((error: unknown) => {
          const { message } = error as Error
          throw new Error(`the shard ${name} has not adopted it (${message}): run this again`, {
            cause: error,
          })
        })
      }
      await main.adopt(log, spread, new Map())
    },
    // The map has a row for each partition there is.
    close: () => Promise.reject(new Error('with shards the number of partitions stays as it is')),
    keepClosed: () => Promise.resolve(undefined),
    open: () => Promise.resolve(false),
    end: main.end,
  }
}
