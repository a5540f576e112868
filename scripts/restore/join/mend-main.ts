// What DATABASE_URL must say when a shard, or itself, is of an earlier moment: where buckets are, what is left
// to do on shards, and where its own log ends. In one transaction, with a map that is newer than any.

import type { Pool, Sql } from '../../../lib/drivers/postgres/pool.ts'
import type { Write } from '../../database-command.ts'
import type { OffsetDecision } from './decide-offsets.ts'
import type { Decision } from './decide-places.ts'
import { countEnded, requestErasures, requestTeamChores, type Assigned } from './mend-teams.ts'
import type { KnownOf } from './read-known.ts'

export const mendMain = async (
  main: Pool,
  log: string,
  { moments, isMainRestored }: KnownOf,
  { places }: Decision,
  { ends }: OffsetDecision,
  assigned: readonly Assigned[],
  out: Write,
): Promise<void> => {
  const since = new Date(Math.min(...[...moments.values()].map((moment) => moment.getTime())))
  const lines = await main.transaction(async (sql) => {
    await writePlaces(sql, places)
    for (const [partition, end] of ends)
      await sql`
        UPDATE command_log_partitions SET next_offset = ${end}
        WHERE log = ${log} AND partition = ${partition}`
    const { unknown, unassigned } = await requestTeamChores(sql, assigned, !isMainRestored)
    const erased = moments.size > 0 ? await requestErasures(sql, since) : 0
    const ended = moments.size > 0 ? await countEnded(sql, since) : 0
    return [
      unknown > 0 &&
        (isMainRestored
          ? `${unknown} teams are of after the moment of DATABASE_URL: their todos are kept, and nobody sees them`
          : `${unknown} teams were deleted since: their todos are deleted again`),
      unassigned > 0 && `what is assigned to ${unassigned} former members is unassigned again`,
      erased > 0 && `${erased} accounts were deleted of late: their todos are erased again`,
      ended > 0 &&
        `${ended} memberships and shares ended since: what these people wrote before is refused when it is applied again`,
    ]
  })
  for (const line of lines) if (line !== false) out(line)
}

/** Processes that run have seen a map that may be lost here: the time is ahead of all its versions. */
const writePlaces = async (sql: Sql, places: Decision['places']): Promise<void> => {
  await sql`
    UPDATE shard_map SET version = greatest(abs(version) + 1,
      (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)`
  await sql`DELETE FROM shard_moves`
  await sql`DELETE FROM shard_buckets`
  await sql`
    INSERT INTO shard_buckets (bucket, shard)
    SELECT * FROM unnest(${[...places.keys()]}::int[],
      ${[...places.values()].map(({ shard }) => shard)}::text[])`
}
