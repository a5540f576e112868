// The records that could never apply, for the operator who lists them, sends them again or
// discards them. The worker only ever adds to them, in the transaction of their batch: see postgres.ts.

import type { Pool, Sql } from '../drivers/postgres/pool.ts'

export type Letter = {
  readonly id: number
  readonly partition: number
  readonly offset: number
  readonly reason: string
  readonly failedAt: Date
  readonly record: Buffer | null
}

/** `record` is only the beginning of it; `size` is its length in bytes. */
export type LetterSummary = Letter & { readonly size: number | null }

export type DeadLetters = {
  count(): Promise<number>
  /** Newest first: of those before the letter with the id `before`, where one is given. */
  newest(limit: number, previewBytes: number, before?: number): Promise<LetterSummary[]>
  get(id: number): Promise<Letter | undefined>
  /** Those of `ids` that exist, all of them without: in the order in which the log had them. */
  idsOf(ids?: readonly number[]): Promise<number[]>
  /** How many there were to remove. `onRemoved`, of each: in the transaction that removes it. */
  remove(
    ids: readonly number[],
    onRemoved?: (sql: Sql, id: number) => Promise<void>,
  ): Promise<number>
  /** Whether this command took effect or was refused for good, and its outcome is kept: the sink skips it. */
  isApplied(commandId: string): Promise<boolean>
  close(): Promise<void>
}

type Row = {
  id: string
  partition: number
  record_offset: string
  reason: string
  failed_at: Date
  record: Buffer | null
}

/** Letters of one log only: another log's can't be published to this one, nor discarded by mistake. */
export const openDeadLetters = (pool: Pool, log: string): DeadLetters => {
  return {
    count: () =>
      pool.run(async (sql) => {
        const [row] = await sql<{ count: string }[]>`
          SELECT count(*) AS count FROM dead_letters WHERE log = ${log}`
        return Number(row?.count)
      }),
    newest: (limit, previewBytes, before) =>
      pool.run(async (sql) => {
        const rows = await sql<(Row & { size: number | null })[]>`
          SELECT id, partition, record_offset, reason, failed_at, length(record) AS size,
            substring(record FROM 1 FOR ${previewBytes}) AS record
          FROM dead_letters
          WHERE log = ${log} ${before === undefined ? sql`` : sql`AND id < ${before}`}
          ORDER BY id DESC LIMIT ${limit}`
        return rows.map((row) => ({ ...letterOf(row), size: row.size }))
      }),
    get: (id) =>
      pool.run(async (sql) => {
        const [row] = await sql<Row[]>`
          SELECT id, partition, record_offset, reason, failed_at, record
          FROM dead_letters WHERE log = ${log} AND id = ${id}`
        return row && letterOf(row)
      }),
    idsOf: (ids) =>
      pool.run(async (sql) => {
        const rows = await sql<{ id: string }[]>`
          SELECT id FROM dead_letters
          WHERE log = ${log} ${ids ? sql`AND id = ANY(${ids as number[]}::bigint[])` : sql``}
          ORDER BY partition, record_offset`
        return rows.map((row) => Number(row.id))
      }),
    remove: (ids, onRemoved) =>
      pool.transaction(async (sql) => {
        const removed = await sql<{ id: string }[]>`
          DELETE FROM dead_letters WHERE log = ${log} AND id = ANY(${ids as number[]}::bigint[])
          RETURNING id`
        if (onRemoved) for (const { id } of removed) await onRemoved(sql, Number(id))
        return removed.length
      }),
    isApplied: (commandId) =>
      pool.run(async (sql) => {
        const result = await sql`SELECT FROM command_outcomes WHERE command_id = ${commandId}`
        return result.count > 0
      }),
    close: pool.close,
  }
}

/** Ids of letters of several databases: each numbers its own. There are 16 shards at most. */
const idsPerShard = 16

/**
 * `shards`: by name; an id holds as long as these are the same. Rejects when one does not answer: a letter
 * that is not shown is taken for none. `accounts`: has what is written when one is removed. `isWaiting`: of
 * shards that the map does not have yet.
 */
export const openShardedDeadLetters = (
  accounts: Pool,
  shards: ReadonlyMap<string, Pool>,
  log: string,
  isWaiting: (name: string) => boolean = () => false,
): DeadLetters => {
  const names = [...shards.keys()].sort()
  const all = names.map((name) => openDeadLetters(shards.get(name) as Pool, log))
  const idOf = (id: number, nth: number) => id * idsPerShard + nth
  const ownId = (id: number) => Math.floor(id / idsPerShard)
  const nthOf = (id: number) => id % idsPerShard
  const fromAll = async <T>(ask: (letters: DeadLetters, nth: number) => Promise<T>): Promise<T[]> =>
    Promise.all(
      all.flatMap((letters, nth) => (isWaiting(names[nth] as string) ? [] : [ask(letters, nth)])),
    )

  return {
    async count() {
      const counts = await fromAll((letters) => letters.count())
      return counts.reduce((sum, count) => sum + count, 0)
    },
    async newest(limit, previewBytes, before) {
      const found = await fromAll(async (letters, nth) => {
        const ownBefore = before === undefined ? before : Math.ceil((before - nth) / idsPerShard)
        const own = await letters.newest(limit, previewBytes, ownBefore)
        return own.map((letter) => ({ ...letter, id: idOf(letter.id, nth) }))
      })
      return found
        .flat()
        .sort((a, b) => b.id - a.id)
        .slice(0, limit)
    },
    async get(id) {
      const letter = await all[nthOf(id)]?.get(ownId(id))
      return letter && { ...letter, id }
    },
    async idsOf(ids) {
      const found = await fromAll(async (letters, nth) => {
        const own = ids?.filter((id) => nthOf(id) === nth).map(ownId)
        return (await letters.idsOf(own)).map((id) => idOf(id, nth))
      })
      return found.flat()
    },
    async remove(ids, onRemoved) {
      let count = 0
      for (const id of ids) {
        const letters = all[nthOf(id)]
        if (!letters) continue
        if (!onRemoved) {
          count += await letters.remove([ownId(id)])
          continue
        }
        // Committed when the letter is gone. Who dies in between has removed it, and nothing says so.
        await accounts.transaction(async (sql) => {
          const removed = await letters.remove([ownId(id)])
          if (removed > 0) await onRemoved(sql, id)
          count += removed
        })
      }
      return count
    },
    async isApplied(commandId) {
      const found = await fromAll((letters) => letters.isApplied(commandId))
      return found.some(Boolean)
    },
    async close() {
      await Promise.all(all.map((letters) => letters.close()))
    },
  }
}

const letterOf = (row: Row): Letter => ({
  id: Number(row.id),
  partition: row.partition,
  offset: Number(row.record_offset),
  reason: row.reason,
  failedAt: row.failed_at,
  record: row.record,
})
