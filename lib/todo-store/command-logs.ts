// The logs that the database knows, for the operator's command that changes which one it is. Servers
// and workers only read and register them, through the todo store.

import type { FoundLog, RegisteredLog } from '../domain/log-identity.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'

export type CommandLogs = {
  registered(log: string): Promise<RegisteredLog | undefined>
  /** Names of all logs that something was applied from, or that are registered. */
  names(): Promise<string[]>
  nextOffsets(log: string): Promise<Map<number, number>>
  /**
   * From now on the positions belong to this log, and go on where `positions` says; partitions that
   * are not in it begin at 0. Waits for transactions that apply commands, and holds up new ones.
   */
  adopt(log: string, found: FoundLog, positions: ReadonlyMap<number, number>): Promise<void>
  /** Servers publish nothing for so long. Undefined when somebody else has closed it. */
  close(log: string, forMs: number): Promise<Lease | undefined>
  /** For so long from now on. Undefined when it was open in between. */
  keepClosed(log: string, lease: Lease, forMs: number): Promise<Lease | undefined>
  /** Opens it, over so many partitions. False, with nothing changed, when it was open in between. */
  open(log: string, lease: Lease, partitions: number): Promise<boolean>
  end(): Promise<void>
}

/** Says that the log has been closed all the time; it ends by itself when its holder has died. */
export type Lease = { readonly until: string }

/** A worker's transaction takes milliseconds; one that takes this long is stuck. */
const lockTimeout = '10s'

export const openCommandLogs = (pool: Pool): CommandLogs => {
  return {
    registered: (log) => pool.run((sql) => registeredLog(sql, log)),
    names: () =>
      pool.run(async (sql) => {
        const rows = await sql<{ log: string }[]>`
          SELECT log FROM command_offsets WHERE log NOT LIKE '(%' -- see 008-list-versions.sql
          UNION SELECT log FROM command_logs ORDER BY 1`
        return rows.map((row) => row.log)
      }),
    nextOffsets: (log) =>
      pool.run(async (sql) => {
        const rows = await sql<{ partition: number; next_offset: string }[]>`
          SELECT partition, next_offset FROM command_offsets WHERE log = ${log}`
        return new Map(rows.map((row) => [row.partition, Number(row.next_offset)]))
      }),
    adopt: (log, found, positions) =>
      pool.transaction(async (tx) => {
        await tx.unsafe(`SET LOCAL lock_timeout = '${lockTimeout}'`)
        // A worker compares the identity in the statement that takes this lock: with this one held,
        // each of them has committed, or will see what is written here.
        await tx`LOCK TABLE command_offsets IN SHARE ROW EXCLUSIVE MODE`
        await tx`
          INSERT INTO command_logs (log, identity, partitions)
          VALUES (${log}, ${found.identity}, ${found.partitions})
          ON CONFLICT (log) DO UPDATE SET identity = excluded.identity,
            partitions = excluded.partitions, closed_until = NULL, registered_at = now()`
        await tx`UPDATE command_offsets SET next_offset = 0 WHERE log = ${log}`
        await tx`
          INSERT INTO command_offsets (log, partition, next_offset)
          SELECT ${log}, partition, next_offset
          FROM unnest(${[...positions.keys()]}::int[], ${[...positions.values()]}::bigint[])
            AS new (partition, next_offset)
          ON CONFLICT (log, partition) DO UPDATE SET next_offset = excluded.next_offset`
      }),
    close: (log, forMs) =>
      pool.run(async (sql) => {
        const rows = await sql<Lease[]>`
          UPDATE command_logs SET closed_until = now() + ${seconds(sql, forMs)}
          WHERE log = ${log} AND (closed_until IS NULL OR closed_until <= now())
          RETURNING closed_until::text AS until`
        return rows[0]
      }),
    keepClosed: (log, lease, forMs) =>
      pool.run(async (sql) => {
        const rows = await sql<Lease[]>`
          UPDATE command_logs SET closed_until = now() + ${seconds(sql, forMs)}
          WHERE log = ${log} AND ${isHeld(sql, lease)}
          RETURNING closed_until::text AS until`
        return rows[0]
      }),
    open: (log, lease, partitions) =>
      pool.run(async (sql) => {
        const result = await sql`
          UPDATE command_logs SET closed_until = NULL, partitions = ${partitions}
          WHERE log = ${log} AND ${isHeld(sql, lease)}`
        return result.count === 1
      }),
    end: pool.close,
  }
}

const seconds = (sql: Sql, ms: number) => sql`make_interval(secs => ${ms / 1_000})`
const isHeld = (sql: Sql, { until }: Lease) =>
  sql`closed_until = ${until}::text::timestamptz AND closed_until > now()`

export const registeredLog = async (sql: Sql, log: string): Promise<RegisteredLog | undefined> => {
  const [row] = await sql<{ identity: string; partitions: number; is_closed: boolean }[]>`
    SELECT identity, partitions, coalesce(closed_until > now(), false) AS is_closed
    FROM command_logs WHERE log = ${log}`
  return row && { identity: row.identity, partitions: row.partitions, isClosed: row.is_closed }
}
