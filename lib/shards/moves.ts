// Moves of buckets that were begun, and the copy of where buckets are, in the database of DATABASE_URL. The
// version of the map grows when a move begins and when it ends: whoever goes over all shards sees whether
// one came in between.

import { homeOfBucket, type ShardMap } from '../domain/shard-map.ts'
import { bucketOfOwner } from '../domain/todo-id.ts'
import { keepingAlive } from '../drivers/postgres/keep-alive.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'

export type BegunMove = {
  readonly bucket: number
  readonly from: string
  readonly to: string
}

/** In the order in which they are made. */
export const movesBegun = (pool: Pool): Promise<BegunMove[]> =>
  pool.run(
    (sql) => sql<BegunMove[]>`
      SELECT bucket, from_shard AS from, to_shard AS to FROM shard_moves ORDER BY begun_at, bucket`,
  )

/** False: one of the bucket was begun already. */
export const beginMove = (pool: Pool, { bucket, from, to }: BegunMove): Promise<boolean> =>
  pool.transaction(async (sql) => {
    const { count } = await sql`
      INSERT INTO shard_moves (bucket, from_shard, to_shard) VALUES (${bucket}, ${from}, ${to})
      ON CONFLICT DO NOTHING`
    if (count === 1) await raiseVersion(sql)
    return count === 1
  })

/** `shard`: undefined where it is the bucket's home. */
export const finishMove = (pool: Pool, bucket: number, shard: string | undefined): Promise<void> =>
  pool.transaction(async (sql) => {
    if (shard === undefined) await sql`DELETE FROM shard_buckets WHERE bucket = ${bucket}`
    else
      await sql`
        INSERT INTO shard_buckets (bucket, shard) VALUES (${bucket}, ${shard})
        ON CONFLICT (bucket) DO UPDATE SET shard = excluded.shard`
    await sql`DELETE FROM shard_moves WHERE bucket = ${bucket}`
    await raiseVersion(sql)
  })

const raiseVersion = async (sql: Sql): Promise<void> => {
  await sql`UPDATE shard_map SET version = version + 1`
}

/** For whoever goes over all shards. Rejects while a move is not finished. */
export const settledMapVersion = (pool: Pool): Promise<number> =>
  pool.run(async (sql) => {
    const [row] = await sql<{ version: string }[]>`
      SELECT version FROM shard_map WHERE NOT EXISTS (SELECT FROM shard_moves)`
    if (!row) throw new Error('buckets are being moved')
    return Number(row.version)
  })

/** Where an owner's bucket is, and stays until the transaction ends. Rejects while it is moved. */
export const settledShardOfOwner = async (
  sql: Sql,
  map: ShardMap,
  ownerId: string,
): Promise<string> => {
  const bucket = bucketOfOwner(ownerId)
  // No move begins meanwhile.
  await sql`SELECT FROM shard_map FOR SHARE`
  const [row] = await sql<{ shard: string | null; is_moved: boolean }[]>`
    SELECT (SELECT shard FROM shard_buckets WHERE bucket = ${bucket}) AS shard,
      EXISTS (SELECT FROM shard_moves WHERE bucket = ${bucket}) AS is_moved`
  if (row?.is_moved !== false) throw new Error(`bucket ${bucket} is being moved`)
  return row.shard ?? homeOfBucket(map, bucket)
}

/** False: another process is moving buckets, and `work` was not done. */
export const aloneWithMoves = (pool: Pool, work: () => Promise<void>): Promise<boolean> =>
  pool.transaction(
    async (sql) => {
      const [row] = await sql<{ is_ours: boolean }[]>`
        SELECT pg_try_advisory_xact_lock(hashtext('moves of buckets')) AS is_ours`
      if (row?.is_ours !== true) return false
      await keepingAlive(sql, work)
      return true
    },
    { timeoutMs: Infinity },
  )
