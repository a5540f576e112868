// Reads of a bucket where it is now. A process may know an older map: what is read is right only if the bucket
// is there. A home's rows go in the transaction that moves the bucket, so what is found in the home is right.
// Anything else, and that something is not there, is right if the home says afterwards where it was read.

import { homeOfBucket, shardOfBucket, type ShardMap } from '../domain/shard-map.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'

export type Follow = <T>(
  bucket: number,
  read: (shard: string) => Promise<T>,
  isThere: (found: T) => boolean,
) => Promise<T>

/** A move takes longer than to follow it. */
const movesMax = 5

export const createFollow =
  (mapNow: () => ShardMap, pools: ReadonlyMap<string, Pool>): Follow =>
  async (bucket, read, isThere) => {
    const map = mapNow()
    const home = homeOfBucket(map, bucket)
    let shard = shardOfBucket(map, bucket)
    for (let moves = 0; moves < movesMax; moves++) {
      const found = await read(shard)
      if (shard === home && isThere(found)) return found
      const now = (await pools.get(home)?.run((sql) => shardElsewhere(sql, bucket))) ?? home
      if (now === shard) return found
      shard = now
    }
    throw new Error(`bucket ${bucket} is moved again and again`)
  }

/** As the home of the bucket says. Undefined: it is at home. */
export const shardElsewhere = async (sql: Sql, bucket: number): Promise<string | undefined> => {
  const [row] = await sql<{ shard: string }[]>`
    SELECT shard FROM buckets_elsewhere WHERE bucket = ${bucket}`
  return row?.shard
}
