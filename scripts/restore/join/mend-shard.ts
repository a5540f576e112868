// What a shard that went back has that is not so any more: where its buckets are, and rows of those that it
// does not have. In one transaction, under the locks of its partitions.

import { ofShard, restoredTo } from '../../../lib/domain/shard-map.ts'
import type { Pool, Sql } from '../../../lib/drivers/postgres/pool.ts'
import {
  deleteBucket,
  dropBucketIndexes,
  indexBuckets,
} from '../../../lib/todo-store/move/bucket-rows.ts'
import type { Write } from '../../database-command.ts'
import type { OffsetDecision } from './decide-offsets.ts'
import type { Decision, Known } from './decide-places.ts'

/** To delete so many buckets takes longer than to make their index: each without it reads all tables. */
const indexedFrom = 4

export const mendShard = async (
  pool: Pool,
  shard: string,
  log: string,
  known: Known,
  { places, strays }: Decision,
  { readers }: OffsetDecision,
  out: Write,
): Promise<void> => {
  const gone = strays.filter((one) => one.shard === shard).map(({ bucket }) => bucket)
  if (gone.length >= indexedFrom) await indexBuckets(pool)
  await pool.transaction(
    async (sql) => {
      await sql`
        SELECT FROM command_offsets WHERE log NOT LIKE '(%' ORDER BY log, partition FOR UPDATE`
      await writePlaces(sql, shard, known, places)
      for (const bucket of gone) await deleteBucket(sql, bucket)
      await sql`DELETE FROM guest_buckets WHERE bucket = ANY(${gone}::int[])`
      // Ahead of what any worker has read here before.
      await sql`
        UPDATE command_offsets SET moves = greatest(moves + 1, extract(epoch FROM clock_timestamp())::int)
        WHERE log NOT LIKE '(%' AND partition = ANY(${partitionsOf(known, shard)}::int[])`
      await setOffsets(sql, shard, log, readers)
      await sql`
        INSERT INTO list_versions AS stored (log, partition, changes) VALUES ('(moves)', 0, 1)
        ON CONFLICT (log, partition) DO UPDATE SET changes = stored.changes + 1`
    },
    { timeoutMs: Infinity },
  )
  if (gone.length >= indexedFrom) await dropBucketIndexes(pool)
  if (gone.length > 0)
    out(`${shard}: ${gone.length} buckets that it had then are elsewhere, and deleted here`)
}

/** What is lost is passed over. */
export const setOffsets = async (
  sql: Sql,
  shard: string,
  log: string,
  readers: OffsetDecision['readers'],
): Promise<void> => {
  for (const { partition, next } of readers.filter((one) => one.shard === shard))
    await sql`
      INSERT INTO command_offsets (log, partition, next_offset) VALUES (${log}, ${partition}, ${next})
      ON CONFLICT (log, partition) DO UPDATE SET next_offset = excluded.next_offset`
}

/** The last step: it has its name again, and is used. */
export const useShard = async (pools: ReadonlyMap<string, Pool>, shard: string): Promise<void> => {
  await ofShard(pools, shard).run(async (sql) => {
    const [found] = await sql<{ name: string }[]>`SELECT name FROM shard_identity`
    if (found && restoredTo(found.name)?.name === shard)
      await sql`UPDATE shard_identity SET name = ${shard}`
  })
}

const partitionsOf = ({ homes }: Known, shard: string): number[] =>
  homes.flatMap((home, partition) => (home === shard ? [partition] : []))

const writePlaces = async (
  sql: Sql,
  shard: string,
  { homes }: Known,
  places: Decision['places'],
): Promise<void> => {
  const rows = [...places].flatMap(([bucket, { shard: there, move = '' }]) => {
    const partition = bucket % homes.length
    return homes[partition] === shard ? [{ bucket, partition, there, move }] : []
  })
  await sql`DELETE FROM buckets_elsewhere`
  await sql`
    INSERT INTO buckets_elsewhere (bucket, partition, shard, move)
    SELECT bucket, partition, shard, nullif(move, '')::uuid
    FROM unnest(${rows.map((row) => row.bucket)}::int[], ${rows.map((row) => row.partition)}::int[],
      ${rows.map((row) => row.there)}::text[], ${rows.map((row) => row.move)}::text[])
      AS of (bucket, partition, shard, move)`
}
