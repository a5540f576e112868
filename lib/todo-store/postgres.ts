// Todos in Postgres, through postgres.js: what is read of them, and what is pruned. What the worker
// writes is in applying.ts.

import type { RegisteredLog } from '../domain/log-identity.ts'
import type { Pool } from '../drivers/postgres/pool.ts'
import { registeredLog } from './command-logs.ts'
import { clearOutbox, outboxSources, readOutbox } from './outbox.ts'
import { createReplicaReads, primaryOnly } from './replica-reads.ts'
import { applyCreations, inTransaction } from './applying.ts'
import type { TodoStore } from './todo-store.ts'
import type { CommandOutcome } from '../domain/command.ts'

/** `wholeListMax`: how many todos the list of all may have to be read as a whole. */
export const createPostgresStore = (
  pool: Pool,
  wholeListMax = Infinity,
  places = primaryOnly,
): TodoStore => {
  const reads = createReplicaReads(pool, places, wholeListMax)
  return {
    readList: reads.list,
    listVersion: () =>
      pool.run(async (sql) => {
        const [row] = await sql<{ version: string }[]>`
          SELECT sum(changes) AS version FROM list_versions`
        return Number(row?.version)
      }),
    readTodo: reads.todo,
    readPersonalTodo: reads.personalTodo,
    readTeamTodo: reads.teamTodo,
    revisionOf: (id) =>
      pool.run(async (sql) => {
        const [row] = await sql<{ revision: number }[]>`SELECT revision FROM todos WHERE id = ${id}`
        return row?.revision ?? 0
      }),
    readPage: reads.page,
    readPublicSlice: reads.publicSlice,
    readPersonalSlice: (userId, ...what) => reads.slice(`user:${userId}`, ...what),
    readTeamSlice: (teamId, ...what) => reads.slice(`team:${teamId}`, ...what),
    pagesVersion: reads.version,
    outcomesOf: (commandIds) =>
      pool.run(async (sql) => {
        const rows = await sql<{ command_id: string; outcome: CommandOutcome }[]>`
          SELECT command_id, outcome FROM command_outcomes
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
        const [row] = await sql<{ is_ours: boolean; is_old: boolean | null }[]>`
          SELECT fingerprint = ${fingerprint} AS is_ours,
            created_at < (SELECT keys_without_bucket_until FROM shard_map) AS is_old
          FROM idempotency_keys WHERE user_id = ${userId} AND key = ${key}`
        if (row?.is_ours === false) return 'other'
        return row?.is_old === true ? 'ours-without-bucket' : 'ours'
      }),
    nextOffset: (log, partition) =>
      pool.run(async (sql) => {
        const [row] = await sql<{ next_offset: string }[]>`
          SELECT next_offset FROM command_offsets WHERE log = ${log} AND partition = ${partition}`
        return Number(row?.next_offset ?? 0)
      }),
    positionOf: (log, partition) =>
      pool.run(async (sql) => {
        // One statement, so one snapshot.
        const [row] = await sql<PositionRow[]>`
          SELECT (SELECT next_offset FROM command_offsets
              WHERE log = ${log} AND partition = ${partition}) AS next_offset,
            (SELECT moves FROM command_offsets
              WHERE log = ${log} AND partition = ${partition}) AS moves,
            (SELECT coalesce(json_agg(json_build_array(bucket, shard)), '[]')
              FROM buckets_elsewhere WHERE partition = ${partition}) AS elsewhere`
        return {
          nextOffset: Number(row?.next_offset ?? 0),
          moves: row?.moves ?? 0,
          elsewhere: new Map(row?.elsewhere),
        }
      }),
    numbersOf: (log, partition, publishers) =>
      pool.run(async (sql) => {
        const rows = await sql<{ publisher: string; number: string }[]>`
          SELECT publisher, number FROM publisher_numbers
          WHERE log = ${log} AND partition = ${partition}
            AND publisher = ANY(${publishers as string[]}::text[])`
        const numbers = new Map(publishers.map((publisher) => [publisher, 0]))
        for (const { publisher, number } of rows) numbers.set(publisher, Number(number))
        return numbers
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
    applyCreations: (...batch) => pool.run((sql) => applyCreations(sql, ...batch)),
    readOutbox: (...what) => pool.run((sql) => readOutbox(sql, ...what)),
    outboxSources: (olderThanSec) => pool.run((sql) => outboxSources(sql, olderThanSec)),
    clearOutbox: (source, appended) => pool.run((sql) => clearOutbox(sql, source, appended)),
    async prune(olderThanSec) {
      const pruned = await prune(pool, 'command_outcomes', 'applied_at', olderThanSec)
      await prune(pool, 'idempotency_keys', 'created_at', olderThanSec)
      await prune(pool, 'publisher_numbers', 'heard_at', olderThanSec)
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

type PositionRow = {
  readonly next_offset: string | null
  readonly moves: number | null
  readonly elsewhere: [number, string][]
}

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
