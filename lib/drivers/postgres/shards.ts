// The connections of a process to each shard, by name. Each shard has an owner of its own, so that one that
// is down, or slow, takes connections from no other.

import type { Config } from '../../runtime/config/config.ts'
import { shardsIn } from '../../runtime/config/shard-urls.ts'
import type { Budget } from './budget.ts'
import { openDatabases, type Databases } from './databases.ts'

export type ShardDatabases = ReadonlyMap<string, Databases>

/** Empty where there are no shards. */
export const openShards = (
  config: Pick<Config, 'DATABASE_SHARDS'>,
  budget?: Budget,
): ShardDatabases =>
  new Map(
    shardsIn(config.DATABASE_SHARDS).map(({ name, url }) => [name, openDatabases({ url }, budget)]),
  )

export const closeShards = async (shards: ShardDatabases): Promise<void> => {
  await Promise.all([...shards.values()].map((one) => one.close()))
}
