// The map of shards, in the database of DATABASE_URL, and who each shard is, in the shard itself.

import type { ShardIdentity, ShardMap } from '../domain/shard-map.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'

type MapRow = {
  readonly installation: string
  readonly version: string
  readonly shards: string[]
  readonly moved: [number, string][]
  readonly added: string[]
  readonly adopted: string | null
}

/** Undefined: there is none, or it is not finished. */
export const readShardMap = (pool: Pool): Promise<ShardMap | undefined> =>
  pool.run(async (sql) => {
    // One statement: version and rows are of one moment.
    const [row] = await sql<MapRow[]>`
      SELECT installation, version, to_json(added) AS added, adopted, to_json(ARRAY(
        SELECT shard FROM shard_partitions ORDER BY partition)) AS shards,
        (SELECT coalesce(json_agg(json_build_array(bucket, shard)), '[]') FROM shard_buckets) AS moved
      FROM shard_map WHERE version <> 0`
    if (row && Number(row.version) < 0) {
      throw new Error(
        'DATABASE_URL was restored, and is not compared with its shards yet: run npm run restore -- --join',
      )
    }
    if (!row) return undefined
    const { version, moved, adopted, ...rest } = row
    return {
      ...rest,
      version: Number(version),
      moved: new Map(moved),
      ...(adopted !== null && { adopted }),
    }
  })

const releaseWithout = ['42P01', '42703'] // no such table, no such column

/** Undefined also in a database that a release without has made, and nobody has migrated. */
export const readShardMapIfAny = (pool: Pool): Promise<ShardMap | undefined> =>
  readShardMap(pool).catch((error: unknown) => {
    if (releaseWithout.includes(String((error as { readonly code?: unknown }).code)))
      return undefined
    throw error
  })

/** Undefined: it is no shard. */
export const readShardIdentity = (pool: Pool): Promise<ShardIdentity | undefined> =>
  pool.run(async (sql) => {
    const [row] = await sql<ShardIdentity[]>`SELECT installation, name FROM shard_identity`
    return row
  })

/** How many connections it allows to users like us, in all. */
export const connectionsAllowed = (pool: Pool): Promise<number> =>
  pool.run(async (sql) => {
    const [row] = await sql<{ allowed: number }[]>`
      SELECT current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int AS allowed`
    return row?.allowed ?? 0
  })

/** What keeps a database from becoming a shard, or from having some; undefined: nothing. */
export const contentsOf = (pool: Pool): Promise<string | undefined> =>
  pool.run(async (sql) => {
    const [row] = await sql<{ has_todos: boolean; has_log: boolean }[]>`
      SELECT EXISTS (SELECT FROM todos) AS has_todos,
        EXISTS (SELECT FROM command_logs) OR EXISTS (
          SELECT FROM command_offsets WHERE log NOT LIKE '(%') AS has_log`
    if (row?.has_todos) return 'it has todos'
    return row?.has_log ? 'commands were applied to it' : undefined
  })

/** The installation's id. Before anything is written to a shard: begun anew, it goes on with it. */
export const beginShardMap = (pool: Pool): Promise<string> =>
  pool.run(async (sql) => {
    await sql`INSERT INTO shard_map (version) VALUES (0) ON CONFLICT DO NOTHING`
    const [row] = await sql<{ installation: string }[]>`SELECT installation FROM shard_map`
    if (!row) throw new Error('the map of shards is gone')
    return row.installation
  })

/** Unless it has a name. Returns who it is then; undefined when it has a map itself. */
export const nameShard = (
  pool: Pool,
  { installation, name }: ShardIdentity,
): Promise<ShardIdentity | undefined> =>
  pool.run(async (sql) => {
    await sql`
      INSERT INTO shard_identity (installation, name)
      SELECT ${installation}::uuid, ${name}::text WHERE NOT EXISTS (SELECT FROM shard_map)
      ON CONFLICT DO NOTHING`
    const [row] = await sql<ShardIdentity[]>`SELECT installation, name FROM shard_identity`
    return row
  })

/** False: it is finished already. */
export const finishShardMap = (pool: Pool, shards: readonly string[]): Promise<boolean> =>
  pool.transaction(async (sql) => {
    const { count } = await sql`UPDATE shard_map SET version = 1 WHERE version = 0`
    if (count === 1) await writePartitions(sql, shards)
    return count === 1
  })

const writePartitions = async (sql: Sql, shards: readonly string[]): Promise<void> => {
  await sql`
    INSERT INTO shard_partitions (partition, shard)
    SELECT number - 1, shard FROM unnest(${shards as string[]}::text[])
      WITH ORDINALITY AS new (shard, number)`
}
