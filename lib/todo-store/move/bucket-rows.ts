// All rows of a bucket in one shard: locked, copied to another, compared there, deleted. Whole rows, as
// JSON, so that a column that comes later is copied and compared, too.

import { createHash } from 'node:crypto'
import { bucketOf, idAlphabet, todoIdLength, uniqueLength } from '../../domain/todo-id.ts'
import type { Pool, Sql } from '../../drivers/postgres/pool.ts'

type Table = {
  readonly name: string
  readonly key: string
  /** Of the row's bucket, in SQL: what the index is of. */
  readonly bucketIn: string
  readonly valueOf: (bucket: number) => string
  /** Of rows that have a bucket. */
  readonly where?: string
}

const digitsOf = (bucket: number) => idAlphabet.charAt(bucket >> 6) + idAlphabet.charAt(bucket & 63)
const numberOf = (bucket: number) => `${bucket}`

/** In the order in which everybody locks them. */
const tables: readonly Table[] = [
  {
    name: 'todos',
    key: 'id',
    bucketIn: `substr(id, ${uniqueLength + 1}, 2)`,
    valueOf: digitsOf,
    where: `length(id) = ${todoIdLength}`,
  },
  { name: 'command_outcomes', key: 'command_id', bucketIn: 'bucket', valueOf: numberOf },
  {
    name: 'personal_lists',
    key: 'user_id',
    bucketIn: 'bucket_of_owner(user_id)',
    valueOf: numberOf,
  },
  { name: 'team_lists', key: 'team_id', bucketIn: 'bucket_of_owner(team_id)', valueOf: numberOf },
]

/** Rows in one message: 1,000 of the largest todos are 9 MB. */
const copiedAtOnce = 1_000

const rowsOf = ({ bucketIn, valueOf, where }: Table, bucket: number): string =>
  `${where === undefined ? '' : `${where} AND `}${bucketIn} = '${valueOf(bucket)}'`

export type BucketRows = {
  /** By table. */
  readonly counts: ReadonlyMap<string, number>
  /** Of all of them, in order. */
  readonly checksum: string
}

/** Nobody changes or deletes one until the transaction has ended. */
export const lockBucket = async (sql: Sql, bucket: number): Promise<void> => {
  for (const table of tables) {
    const { name, key } = table
    await sql.unsafe(
      `SELECT FROM ${name} WHERE ${rowsOf(table, bucket)} ORDER BY ${key} FOR UPDATE`,
    )
  }
}

export const copyBucket = async (from: Sql, to: Sql, bucket: number): Promise<void> => {
  for (const table of tables) {
    const { name, key } = table
    for (let after = ''; ;) {
      const [page] = await from.unsafe<{ rows: string | null; last: string; count: number }[]>(
        `SELECT json_agg(page)::text AS rows, max(${key}) AS last, count(*)::int AS count FROM (
          SELECT * FROM ${name} WHERE ${rowsOf(table, bucket)} AND ${key} > $1
          ORDER BY ${key} LIMIT ${copiedAtOnce}) AS page`,
        [after],
      )
      if (!page || page.rows === null) break
      // As text: postgres.js would make JSON of it once more.
      await to.unsafe(
        `INSERT INTO ${name} SELECT * FROM json_populate_recordset(NULL::${name}, $1::text::json)`,
        [page.rows],
      )
      if (page.count < copiedAtOnce) break
      after = page.last
    }
  }
}

/** Two that are equal have the same rows. */
export const readBucket = async (sql: Sql, bucket: number): Promise<BucketRows> => {
  // Times are written in it.
  await sql`SET LOCAL TimeZone = 'UTC'`
  const counts = new Map<string, number>()
  const sums: string[] = []
  for (const table of tables) {
    const { name, key } = table
    const [row] = await sql.unsafe<{ count: number; sum: string }[]>(
      `SELECT count(*)::int AS count,
        coalesce(md5(string_agg(md5(to_jsonb(kept)::text), '' ORDER BY ${key})), '') AS sum
      FROM ${name} AS kept WHERE ${rowsOf(table, bucket)}`,
    )
    counts.set(name, row?.count ?? 0)
    sums.push(`${name} ${row?.count} ${row?.sum}`)
  }
  return { counts, checksum: createHash('sha256').update(sums.join()).digest('hex') }
}

/** How many todos each bucket has. It reads them all. */
export const todosByBucket = async (sql: Sql): Promise<Map<number, number>> => {
  const rows = await sql<{ digits: string; count: number }[]>`
    SELECT substr(id, ${uniqueLength + 1}::int, 2) AS digits, count(*)::int AS count FROM todos
    WHERE length(id) = ${todoIdLength} GROUP BY 1`
  return new Map(
    rows.flatMap(({ digits, count }) => {
      const bucket = bucketOf('A'.repeat(uniqueLength) + digits + 'A')
      return bucket === undefined ? [] : [[bucket, count] as const]
    }),
  )
}

/**
 * Buckets of owners who have todos without a bucket: those stay where they are, and a page of an owner's
 * todos is read in one shard. It reads all todos.
 */
export const bucketsThatStay = async (sql: Sql): Promise<Set<number>> => {
  const rows = await sql<{ bucket: number }[]>`
    SELECT DISTINCT bucket_of_owner(owner) AS bucket FROM (
      SELECT DISTINCT coalesce(team_id, user_id) AS owner FROM todos
      WHERE is_personal AND NOT (length(id) = ${todoIdLength}
        AND substr(id, ${uniqueLength + 1}::int, 2) ~ '^[A-Za-z0-9_-]{2}$')) AS owners`
  return new Set(rows.map((row) => row.bucket))
}

/** How many there were, by table. */
export const deleteBucket = async (sql: Sql, bucket: number): Promise<Map<string, number>> => {
  const counts = new Map<string, number>()
  for (const table of tables) {
    const { count } = await sql.unsafe(`DELETE FROM ${table.name} WHERE ${rowsOf(table, bucket)}`)
    counts.set(table.name, count)
  }
  return counts
}

const indexOf = ({ name }: Table) => `${name}_by_bucket`

/**
 * While buckets are moved: with it no move reads a whole table, and without it no write pays for it. Nobody
 * waits for it to be made.
 */
export const indexBuckets = async (pool: Pool): Promise<void> => {
  for (const table of tables) {
    const { name, bucketIn, where } = table
    // One that was interrupted is there, and of no use.
    const isOfUse = await pool.run(async (sql) => {
      const [row] = await sql<{ indisvalid: boolean }[]>`
        SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(${indexOf(table)})`
      return row?.indisvalid
    })
    if (isOfUse === true) continue
    if (isOfUse === false) await dropIndex(pool, table)
    const condition = where === undefined ? '' : `WHERE ${where}`
    await pool.run((sql) =>
      sql.unsafe(
        `CREATE INDEX CONCURRENTLY ${indexOf(table)} ON ${name} ((${bucketIn})) ${condition}`,
      ),
    )
  }
}

export const dropBucketIndexes = async (pool: Pool): Promise<void> => {
  for (const table of tables) await dropIndex(pool, table)
}

const dropIndex = (pool: Pool, table: Table) =>
  pool.run((sql) => sql.unsafe(`DROP INDEX CONCURRENTLY IF EXISTS ${indexOf(table)}`))
