// Todos in Postgres, through postgres.js. Set-based statements only; rows are always locked in id
// order, because unordered `unnest` deadlocked in 404 of 480 concurrent batches, ordered in none.

import type { RegisteredLog } from '../domain/log-identity.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import { registeredLog } from './command-logs.ts'
import { newestCount } from '../domain/list.ts'
import { readPage } from './pages.ts'
import { readSlice } from './slices.ts'
import { storeErrorKind, type StoreTransaction, type TodoStore } from './todo-store.ts'
import { todoJsonInSql } from './todo-json.ts'
import type { CommandOutcome } from '../domain/command.ts'
import type { TodoRow } from '../domain/todo.ts'

/** `wholeListMax`: how many todos the list of all may have to be read as a whole. */
export const createPostgresStore = (pool: Pool, wholeListMax = Infinity): TodoStore => {
  return {
    readList: (list) =>
      // One statement, so one snapshot: else a list could carry the version of another.
      pool.run(async (sql) => {
        const isBounded = list === 'all' && wholeListMax !== Infinity
        // CASE does not read what it does not give.
        const [row] = await sql<{ version: string; body: string | null }[]>`
          SELECT (SELECT sum(changes) FROM list_versions) AS version,
            CASE WHEN ${isBounded ? isLongerThan(sql, wholeListMax) : sql`false`} THEN NULL ELSE (
              SELECT coalesce(string_agg(todo_json, E',\\n' ORDER BY created_at DESC, id DESC), '')
              FROM (
                SELECT created_at, id, ${todoJsonInSql(sql)} AS todo_json
                FROM todos WHERE NOT is_personal ORDER BY created_at DESC, id DESC
                ${list === 'newest' ? sql`LIMIT ${newestCount}` : sql``}
              ) AS listed) END AS body`
        const body = row?.body === null ? '' : `[${row?.body}]`
        return { version: Number(row?.version), body: Buffer.from(body) }
      }),
    listVersion: () =>
      pool.run(async (sql) => {
        const [row] = await sql<{ version: string }[]>`
          SELECT sum(changes) AS version FROM list_versions`
        return Number(row?.version)
      }),
    readTodo: (id) =>
      pool.run(async (sql) => {
        const [row] = await sql<TodoRow[]>`
          SELECT ${rowColumns(sql)} FROM todos WHERE id = ${id} AND NOT is_personal`
        return row
      }),
    readPersonalTodo: (userId, id) =>
      pool.run(async (sql) => {
        const [row] = await sql<TodoRow[]>`
          SELECT ${rowColumns(sql)} FROM todos
          WHERE id = ${id} AND is_personal AND user_id = ${userId}`
        return row
      }),
    readPersonalPage: (page) => pool.run((sql) => readPage(sql, page)),
    readPublicSlice: (range) => pool.run((sql) => readSlice(sql, undefined, range)),
    readPersonalSlice: (userId, range) => pool.run((sql) => readSlice(sql, userId, range)),
    personalVersion: (userId) =>
      pool.run(async (sql) => {
        const [row] = await sql<{ version: string }[]>`
          SELECT version FROM personal_lists WHERE user_id = ${userId}`
        return Number(row?.version ?? 0)
      }),
    outcomesOf: (commandIds) =>
      pool.run(async (sql) => {
        const rows = await sql<{ command_id: string; outcome: CommandOutcome }[]>`
          SELECT command_id, outcome FROM applied_commands
          WHERE command_id = ANY(${commandIds as string[]})`
        return new Map(rows.map((row) => [row.command_id, row.outcome]))
      }),
    claimIdempotencyKey: (userId, key, fingerprint) =>
      pool.run(async (sql) => {
        await sql`
          INSERT INTO idempotency_keys (user_id, key, fingerprint)
          VALUES (${userId}, ${key}, ${fingerprint}) ON CONFLICT DO NOTHING`
        // A statement of its own: in one with the INSERT, what another request has just committed
        // would not be seen.
        const [row] = await sql<{ is_ours: boolean }[]>`
          SELECT fingerprint = ${fingerprint} AS is_ours FROM idempotency_keys
          WHERE user_id = ${userId} AND key = ${key}`
        return row?.is_ours === false ? 'other' : 'ours'
      }),
    nextOffset: (log, partition) =>
      pool.run(async (sql) => {
        const [row] = await sql<{ next_offset: string }[]>`
          SELECT next_offset FROM command_offsets WHERE log = ${log} AND partition = ${partition}`
        return Number(row?.next_offset ?? 0)
      }),
    nextOffsets: (log) =>
      pool.run(async (sql) => {
        const rows = await sql<{ partition: number; next_offset: string }[]>`
          SELECT partition, next_offset FROM command_offsets WHERE log = ${log}`
        return new Map(rows.map((row) => [row.partition, Number(row.next_offset)]))
      }),
    registeredLog: (log) => pool.run((sql) => registeredLog(sql, log)),
    registerLog: (log, found) =>
      pool.run(async (sql) => {
        await sql`
          INSERT INTO command_logs (log, identity, partitions)
          VALUES (${log}, ${found.identity}, ${found.partitions}) ON CONFLICT DO NOTHING`
        return (await registeredLog(sql, log)) as RegisteredLog
      }),
    isDeadLetter: (log, partition, offset) =>
      pool.run(async (sql) => {
        const rows = await sql`
          SELECT FROM dead_letters
          WHERE log = ${log} AND partition = ${partition} AND record_offset = ${offset}`
        return rows.count > 0
      }),
    transaction: (work) => pool.transaction((tx) => work(inTransaction(tx))),
    async pruneAppliedCommands(olderThanSec) {
      const pruned = await prune(pool, 'applied_commands', 'applied_at', olderThanSec)
      await prune(pool, 'idempotency_keys', 'created_at', olderThanSec)
      return pruned
    },
    ping: pool.ping,
    connectionsAllowed: () =>
      pool.run(async (sql) => {
        const [row] = await sql<{ allowed: number }[]>`
          SELECT current_setting('max_connections')::int
            - current_setting('superuser_reserved_connections')::int AS allowed`
        return row?.allowed ?? 0
      }),
    close: pool.close,
  }
}

/** Of the public list, as its index says; of a long one, no more than that is read. */
const isLongerThan = (sql: Sql, count: number) => sql`
  (SELECT count(*) FROM (
    SELECT FROM todos WHERE NOT is_personal ORDER BY created_at DESC, id DESC LIMIT ${count + 1}
  ) AS first) > ${count}`

const inTransaction = (tx: Sql): StoreTransaction => ({
  async advanceOffset(log, partition, { expected, next }, listsMayChange) {
    // The upsert covers a partition's first batch; the compare covers all the others.
    const [row] = await tx<{ count: number }[]>`
      WITH advanced AS (
        INSERT INTO command_offsets AS stored (log, partition, next_offset)
        SELECT ${log.name}, ${partition}, ${next}
        WHERE (${expected} = 0 OR EXISTS (
            SELECT FROM command_offsets WHERE log = ${log.name} AND partition = ${partition}))
          AND EXISTS (
            SELECT FROM command_logs WHERE log = ${log.name} AND identity = ${log.identity})
        ON CONFLICT (log, partition) DO UPDATE SET next_offset = excluded.next_offset
        WHERE stored.next_offset = ${expected}
        RETURNING log, partition),
      raised AS (
        INSERT INTO list_versions AS stored (log, partition, changes)
        SELECT log, partition, 1 FROM advanced WHERE ${listsMayChange}::boolean
        ON CONFLICT (log, partition) DO UPDATE SET changes = stored.changes + 1)
      SELECT count(*)::int FROM advanced`
    return row?.count === 1
  },
  async alreadyApplied(commandIds) {
    const rows = await tx<{ command_id: string }[]>`
      SELECT command_id FROM applied_commands WHERE command_id = ANY(${commandIds as string[]})`
    return new Set(rows.map((row) => row.command_id))
  },
  async lockTodos(ids) {
    const rows = await tx<TodoRow[]>`
      SELECT ${rowColumns(tx)} FROM todos WHERE id = ANY(${ids as string[]}) ORDER BY id FOR NO KEY UPDATE`
    return new Map(rows.map((row) => [row.id, row]))
  },
  async write({ inserts, updates, deletes }) {
    if (deletes.length > 0) {
      await tx`DELETE FROM todos WHERE id = ANY(${deletes as string[]})`
    }
    if (updates.length > 0) {
      const c = columns(updates)
      await tx`
        UPDATE todos SET title = new.title, description = new.description,
          completed = new.completed, user_id = new.user_id, created_at = new.created_at,
          updated_at = new.updated_at, revision = new.revision, is_personal = new.is_personal
        FROM unnest(${c.id}::text[], ${c.title}::text[], ${c.description}::text[],
          ${tx.array(c.completed)}::boolean[], ${c.userId}::text[], ${tx.array(c.createdAt)}::timestamptz[],
          ${tx.array(c.updatedAt)}::timestamptz[], ${c.revision}::int[],
          ${tx.array(c.isPersonal)}::boolean[]) AS new (${rowColumns(tx)})
        WHERE todos.id = new.id`
    }
    if (inserts.length > 0) {
      const c = columns(inserts)
      await tx`
        INSERT INTO todos (${rowColumns(tx)})
        SELECT * FROM unnest(${c.id}::text[], ${c.title}::text[], ${c.description}::text[],
          ${tx.array(c.completed)}::boolean[], ${c.userId}::text[], ${tx.array(c.createdAt)}::timestamptz[],
          ${tx.array(c.updatedAt)}::timestamptz[], ${c.revision}::int[],
          ${tx.array(c.isPersonal)}::boolean[]) ORDER BY 1`
    }
  },
  async recordOutcomes(outcomes) {
    if (outcomes.size === 0) return
    await tx`
      INSERT INTO applied_commands (command_id, outcome)
      SELECT * FROM unnest(${[...outcomes.keys()]}::text[],
        ${[...outcomes.values()] as CommandOutcome[]}::text[])`
  },
  async changePersonalLists(userIds) {
    if (userIds.length === 0) return new Map()
    const rows = await tx<{ user_id: string; version: string }[]>`
      INSERT INTO personal_lists AS stored (user_id, version)
      SELECT changed, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
      FROM unnest(${userIds as string[]}::text[]) AS changed ORDER BY changed COLLATE "C"
      ON CONFLICT (user_id) DO UPDATE SET version = stored.version + 1
      RETURNING user_id, version`
    return new Map(rows.map((row) => [row.user_id, Number(row.version)]))
  },
  async deadLetter(log, partition, letters) {
    for (const { offset, reason, record } of letters) {
      await tx`
        INSERT INTO dead_letters (log, identity, partition, record_offset, reason, record)
        VALUES (${log.name}, ${log.identity}, ${partition}, ${offset}, ${reason}, ${record})
        ON CONFLICT DO NOTHING`
    }
  },
  async savepoint(work) {
    await tx`SAVEPOINT before_work`
    try {
      return await work(inTransaction(tx))
    } catch (error) {
      if (storeErrorKind(error) === 'command') await tx`ROLLBACK TO SAVEPOINT before_work`
      throw error
    }
  },
})

/** At once: ten minutes of commands in one statement would outlast its time-out, and never be done. */
const prunedAtOnce = 10_000

const prune = async (
  pool: Pool,
  table: string,
  time: string,
  olderThanSec: number,
): Promise<number> => {
  let pruned = 0
  for (;;) {
    const { count } = await pool.run(
      (sql) => sql`
        DELETE FROM ${sql(table)} WHERE ctid = ANY(ARRAY(
          SELECT ctid FROM ${sql(table)}
          WHERE ${sql(time)} < now() - make_interval(secs => ${olderThanSec})
          LIMIT ${prunedAtOnce}))`,
    )
    pruned += count
    if (count < prunedAtOnce) return pruned
  }
}

const rowColumns = (sql: Sql) =>
  sql`id, title, description, completed, user_id, created_at, updated_at, revision, is_personal`

// postgres.js takes an array of booleans or dates for one boolean or date: those go through array().
const columns = (rows: readonly TodoRow[]) => ({
  id: rows.map((row) => row.id),
  title: rows.map((row) => row.title),
  description: rows.map((row) => row.description),
  completed: rows.map((row) => row.completed),
  userId: rows.map((row) => row.user_id),
  createdAt: rows.map((row) => row.created_at),
  updatedAt: rows.map((row) => row.updated_at),
  revision: rows.map((row) => row.revision),
  isPersonal: rows.map((row) => row.is_personal),
})
