// Shards that join the map, and leave it, while it is used. Each is one transaction in the database of the
// map; what is done in the shard comes before it, and changes nothing for anybody.

import type { Pool } from '../drivers/postgres/pool.ts'

/** With a map in which it is home of no partition and has no bucket. False: it was there already. */
export const addShard = (main: Pool, name: string): Promise<boolean> =>
  main.run(async (sql) => {
    const { count } = await sql`
      UPDATE shard_map SET added = array_append(added, ${name}), version = version + 1
      WHERE version > 0 AND NOT ${name} = ANY(added)`
    return count === 1
  })

/** False: it has something, and stays. */
export const removeShard = (main: Pool, name: string): Promise<boolean> =>
  main.transaction(async (sql) => {
    const { count } = await sql`
      UPDATE shard_map SET added = array_remove(added, ${name}), version = version + 1
      WHERE ${name} = ANY(added)
        AND NOT EXISTS (SELECT FROM shard_partitions WHERE shard = ${name})
        AND NOT EXISTS (SELECT FROM shard_buckets WHERE shard = ${name})
        AND NOT EXISTS (SELECT FROM shard_moves WHERE ${name} IN (from_shard, to_shard))`
    return count === 1
  })

type Registered = { readonly log: string; readonly identity: string; readonly partitions: number }

/**
 * A shard that is about to join knows the logs that the database of the map knows, and no position in them:
 * it gets those with its first bucket of a partition. It may have left the map before.
 */
export const beginWithoutPositions = async (main: Pool, shard: Pool): Promise<void> => {
  const logs = await main.run(
    (sql) => sql<Registered[]>`SELECT log, identity, partitions FROM command_logs`,
  )
  await shard.transaction(async (sql) => {
    await sql`DELETE FROM command_offsets WHERE log NOT LIKE '(%'`
    await sql`DELETE FROM publisher_numbers`
    await sql`DELETE FROM command_logs`
    for (const { log, identity, partitions } of logs)
      await sql`
        INSERT INTO command_logs (log, identity, partitions)
        VALUES (${log}, ${identity}, ${partitions})`
  })
}

/** What is lost with a shard: rows of todos, and what nobody has looked at or appended yet. */
const kept = {
  todos: 'todos',
  command_outcomes: 'outcomes of commands',
  personal_lists: 'versions of pages',
  team_lists: 'versions of pages of teams',
  event_outbox: 'events that are not appended yet: a running worker appends them',
  dead_letters: 'dead letters: npm run dead-letters',
  buckets_elsewhere: 'buckets that are elsewhere',
}

/** By what it is; only of what there is. */
export const contentsOfShard = (shard: Pool): Promise<{ what: string; count: number }[]> =>
  shard.run(async (sql) => {
    const found: { what: string; count: number }[] = []
    for (const [table, what] of Object.entries(kept)) {
      const [row] = await sql<{ count: string }[]>`SELECT count(*) AS count FROM ${sql(table)}`
      if (row && Number(row.count) > 0) found.push({ what, count: Number(row.count) })
    }
    return found
  })
