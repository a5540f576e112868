// A copy of the database that has all todos becomes the first shard. Until the one commit that makes the map,
// nothing has happened to the database of DATABASE_URL; after it, whoever knows of no shards can still read
// there, and write no todo.

import type { Pool, Sql } from '../drivers/postgres/pool.ts'

/** What a shard has; see docs/explanation/shards.md. All else is in DATABASE_URL. */
export const tablesOfShard = [
  'todos',
  'personal_lists',
  'team_lists',
  'command_outcomes',
  'publisher_numbers',
  'dead_letters',
  'event_outbox',
] as const
/** What both have: which log and positions it knows, its tables, and who it is. */
export const tablesOfBoth = [
  'command_offsets',
  'command_logs',
  'list_versions',
  'migrations',
  'shard_map',
  'shard_partitions',
  'shard_identity',
  'shard_buckets',
  'shard_moves',
  'buckets_elsewhere',
  'guest_buckets',
] as const

/** Those who write todos wait for no longer: a copy of theirs is out of date, and is to be made again. */
const lockTimeout = '10s'

/** Nobody writes todos, and nothing is applied, until the transaction ends. Reads go on. */
export const stopWrites = async (sql: Sql): Promise<void> => {
  await sql.unsafe(`SET LOCAL lock_timeout = '${lockTimeout}'`)
  await sql`LOCK TABLE command_offsets, todos IN SHARE ROW EXCLUSIVE MODE`
}

export type RegisteredPartitions = { readonly partitions: number; readonly isClosed: boolean }

export const partitionsOfLog = async (
  sql: Sql,
  log: string,
): Promise<RegisteredPartitions | undefined> => {
  const [row] = await sql<{ partitions: number; is_closed: boolean }[]>`
    SELECT partitions, coalesce(closed_until > now(), false) AS is_closed
    FROM command_logs WHERE log = ${log}`
  return row && { partitions: row.partitions, isClosed: row.is_closed }
}

/** What two copies of one database have in common, by what it is: of one that went on, something differs. */
export const fingerprintsOf = async (sql: Sql): Promise<ReadonlyMap<string, string>> => {
  await sql`SET LOCAL TimeZone = 'UTC'`
  await sql`SET LOCAL DateStyle = 'ISO'`
  const found = new Map<string, string>()
  const [row] = await sql<Record<'migrations' | 'birth' | 'logs' | 'offsets', string>[]>`
    SELECT (SELECT coalesce(string_agg(name, ' ' ORDER BY name), '') FROM migrations) AS migrations,
      (SELECT coalesce(string_agg(changes::text, ' '), '') FROM list_versions
        WHERE log = '(born)') AS birth,
      (SELECT coalesce(string_agg(log || ' ' || identity || ' ' || partitions, ', ' ORDER BY log), '')
        FROM command_logs) AS logs,
      (SELECT coalesce(string_agg(log || ' ' || partition || ' ' || next_offset, ', '
        ORDER BY log, partition), '') FROM command_offsets WHERE log NOT LIKE '(%') AS offsets`
  for (const [what, text] of Object.entries(row ?? {})) found.set(what, text)
  for (const table of tablesOfShard) {
    // In any order: a sort of all todos would take longer than all else.
    const [sum] = await sql.unsafe<{ count: string; hash: string }[]>(
      `SELECT count(*) AS count, coalesce(sum(hashtextextended(kept::text, 0)::numeric), 0) AS hash
      FROM ${table} AS kept`,
    )
    found.set(table, `${sum?.count} rows, hash ${sum?.hash}`)
  }
  return found
}

/** It was copied with the map that was begun, should this be the second attempt. */
export const forgetBegunMap = (copy: Pool): Promise<unknown> =>
  copy.run((sql) => sql`DELETE FROM shard_map WHERE version = 0`)

/** All that is not a shard's goes from it. Done twice, it changes nothing. */
export const emptyOfAccounts = (copy: Pool): Promise<void> =>
  copy.transaction(
    async (sql) => {
      const tables = await otherTables(sql)
      // A guard against mistakes in the database that has the audit log, which this one does not any more.
      await sql`ALTER TABLE audit_log DISABLE TRIGGER append_only`
      await sql`TRUNCATE ${sql(tables)}`
      await sql`ALTER TABLE audit_log ENABLE TRIGGER append_only`
    },
    { timeoutMs: Infinity },
  )

export const otherTables = async (sql: Sql): Promise<string[]> => {
  const rows = await sql<{ name: string }[]>`
    SELECT relname AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
      AND NOT relname = ANY(${[...tablesOfShard, ...tablesOfBoth]}::text[]) ORDER BY 1`
  return rows.map(({ name }) => name)
}

/** In the transaction that has stopped writes: with its commit the todos are in the shard. */
export const giveAllTo = async (sql: Sql, shard: string, partitions: number): Promise<void> => {
  // Shares from before shards name no owner.
  await sql`
    UPDATE todo_shares SET owner_id = todos.user_id FROM todos
    WHERE todos.id = todo_id AND owner_id IS NULL`
  await sql`ALTER TABLE todo_shares DROP CONSTRAINT IF EXISTS todo_shares_todo_id_fkey`
  await sql`
    CREATE TRIGGER refuse_todos BEFORE INSERT OR UPDATE OR DELETE ON todos
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_todos_outside_shards()`
  await sql`
    INSERT INTO shard_partitions (partition, shard)
    SELECT partition, ${shard} FROM generate_series(0, ${partitions - 1}::int) AS partition`
  await sql`
    UPDATE shard_map SET version = 1, adopted = ${shard}, keys_without_bucket_until = 'infinity'
    WHERE version = 0`
}

/** A claim that is on its way now may be answered by a server that has not seen this. */
const claimSecMax = 60

/** A shard was adopted, and DATABASE_URL still has what it had of todos. */
export const isAdoptionOpen = (main: Pool): Promise<boolean> =>
  main.run(async (sql) => {
    const rows = await sql`SELECT FROM shard_map WHERE keys_without_bucket_until = 'infinity'`
    return rows.count > 0
  })

/** Todos may still be made whose ids have no bucket. */
export const makesIdsWithoutBucket = (main: Pool): Promise<boolean> =>
  main.run(async (sql) => {
    const rows = await sql`SELECT FROM shard_map WHERE keys_without_bucket_until > now()`
    return rows.count > 0
  })

/** False: nothing was adopted here. Done twice, it changes nothing. */
export const forgetOldTodos = (main: Pool): Promise<boolean> =>
  main.transaction(
    async (sql) => {
      const { count } = await sql`
        UPDATE shard_map SET version = version + 1, keys_without_bucket_until =
          least(keys_without_bucket_until, now() + make_interval(secs => ${claimSecMax}))
        WHERE version > 0 AND adopted IS NOT NULL`
      if (count === 0) return false
      await sql.unsafe(`SET LOCAL lock_timeout = '${lockTimeout}'`)
      // Positions stay: a worker without shards that is still there would begin anew.
      await sql`TRUNCATE ${sql([...tablesOfShard])}`
      return true
    },
    { timeoutMs: Infinity },
  )
