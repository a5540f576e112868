// Todos in Postgres, through postgres.js. Set-based statements only; rows are always locked in id
// order, because unordered `unnest` deadlocked in 404 of 480 concurrent batches, ordered in none.

import postgres, { type Sql, type TransactionSql } from 'postgres'
import { todoJson } from '../todo.ts'
import {
  newestCount,
  type CommandOutcome,
  type StoreTransaction,
  type TodoRow,
  type TodoStore,
} from './todo-store.ts'

export type PostgresSettings = {
  readonly url: string
  readonly poolSize: number
  /** Bound on any one statement; without it a lost connection hangs its caller. */
  readonly statementTimeoutMs?: number
}

export const connectPostgres = ({ url, poolSize, statementTimeoutMs }: PostgresSettings): Sql =>
  postgres(url, {
    max: poolSize,
    connect_timeout: 5,
    // postgres.js waits up to 20 s between attempts; after a restart that is 20 s of needless outage.
    backoff: (retries: number) => Math.min(0.05 * 2 ** retries, 1),
    // postgres.js prints notices ("relation exists") to stdout; stdout is for our log lines.
    onnotice: () => {},
    connection: {
      application_name: 'todos',
      ...(statementTimeoutMs !== undefined && { statement_timeout: statementTimeoutMs }),
    },
  })

export const createPostgresStore = (settings: PostgresSettings): TodoStore => {
  const sql = connectPostgres(settings)
  return {
    async readList(list) {
      // One snapshot for the version and the rows: else a list could carry the version of another.
      const [[version], rows] = await sql.begin(
        'isolation level repeatable read read only',
        (tx) =>
          [
            tx<{ version: string }[]>`SELECT sum(batches) AS version FROM command_offsets`,
            tx<TodoRow[]>`
              SELECT id, title, description, completed, user_id, created_at, updated_at
              FROM todos ORDER BY created_at DESC, id DESC
              ${list === 'newest' ? tx`LIMIT ${newestCount}` : tx``}`,
          ] as const,
      )
      return {
        version: Number(version?.version),
        body: Buffer.from(`[${rows.map(todoJson).join(',\n')}]`),
      }
    },
    async listVersion() {
      const [row] = await sql<{ version: string }[]>`
        SELECT sum(batches) AS version FROM command_offsets`
      return Number(row?.version)
    },
    async nextOffset(log, partition) {
      const [row] = await sql<{ next_offset: string }[]>`
        SELECT next_offset FROM command_offsets WHERE log = ${log} AND partition = ${partition}`
      return Number(row?.next_offset ?? 0)
    },
    transaction: async (work) =>
      (await sql.begin((tx) => work(inTransaction(tx)))) as Awaited<ReturnType<typeof work>>,
    async pruneAppliedCommands(olderThanSec) {
      const result = await sql`
        DELETE FROM applied_commands
        WHERE applied_at < now() - make_interval(secs => ${olderThanSec})`
      return result.count
    },
    async ping() {
      await sql`SELECT 1`
    },
    async connectionsAllowed() {
      const [row] = await sql<{ allowed: number }[]>`
        SELECT current_setting('max_connections')::int
          - current_setting('superuser_reserved_connections')::int AS allowed`
      return row?.allowed ?? 0
    },
    close: () => sql.end({ timeout: 5 }),
  }
}

const inTransaction = (tx: TransactionSql): StoreTransaction => ({
  async advanceOffset(log, partition, expected, next) {
    // The upsert covers a partition's first batch; the compare covers all the others.
    const result = await tx`
      INSERT INTO command_offsets AS stored (log, partition, next_offset, batches)
      SELECT ${log}, ${partition}, ${next}, 1
      WHERE ${expected} = 0 OR EXISTS (
        SELECT FROM command_offsets WHERE log = ${log} AND partition = ${partition})
      ON CONFLICT (log, partition) DO UPDATE
      SET next_offset = excluded.next_offset, batches = stored.batches + 1
      WHERE stored.next_offset = ${expected}`
    return result.count === 1
  },
  async alreadyApplied(commandIds) {
    const rows = await tx<{ command_id: string }[]>`
      SELECT command_id FROM applied_commands WHERE command_id = ANY(${commandIds as string[]})`
    return new Set(rows.map((row) => row.command_id))
  },
  async lockTodos(ids) {
    const rows = await tx<TodoRow[]>`
      SELECT id, title, description, completed, user_id, created_at, updated_at, revision
      FROM todos WHERE id = ANY(${ids as string[]}) ORDER BY id FOR NO KEY UPDATE`
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
          updated_at = new.updated_at, revision = new.revision
        FROM unnest(${c.id}::text[], ${c.title}::text[], ${c.description}::text[],
          ${tx.array(c.completed)}::boolean[], ${c.userId}::text[], ${tx.array(c.createdAt)}::timestamptz[],
          ${tx.array(c.updatedAt)}::timestamptz[], ${c.revision}::int[])
          AS new (id, title, description, completed, user_id, created_at, updated_at, revision)
        WHERE todos.id = new.id`
    }
    if (inserts.length > 0) {
      const c = columns(inserts)
      await tx`
        INSERT INTO todos
          (id, title, description, completed, user_id, created_at, updated_at, revision)
        SELECT * FROM unnest(${c.id}::text[], ${c.title}::text[], ${c.description}::text[],
          ${tx.array(c.completed)}::boolean[], ${c.userId}::text[], ${tx.array(c.createdAt)}::timestamptz[],
          ${tx.array(c.updatedAt)}::timestamptz[], ${c.revision}::int[]) ORDER BY 1`
    }
  },
  async recordOutcomes(outcomes) {
    if (outcomes.size === 0) return
    await tx`
      INSERT INTO applied_commands (command_id, outcome)
      SELECT * FROM unnest(${[...outcomes.keys()]}::text[],
        ${[...outcomes.values()] as CommandOutcome[]}::text[])`
  },
  async deadLetter(log, partition, letters) {
    for (const { offset, reason, record } of letters) {
      await tx`
        INSERT INTO dead_letters (log, partition, record_offset, reason, record)
        VALUES (${log}, ${partition}, ${offset}, ${reason}, ${record})`
    }
  },
  savepoint: async (work) =>
    (await tx.savepoint((inner) => work(inTransaction(inner)))) as Awaited<ReturnType<typeof work>>,
})

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
})
