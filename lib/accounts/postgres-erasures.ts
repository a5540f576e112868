// Erasures in Postgres.

import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import { claimSec, pauseSec, type Erasures, type ErasureWaits } from './erasures.ts'

/** In the transaction that deletes the account. */
export const requestErasure = async (
  sql: Sql,
  userId: string,
  { usualSec, lastSec }: ErasureWaits,
): Promise<void> => {
  await sql`
    INSERT INTO erasures (user_id, due_at, last_due_at)
    VALUES (${userId}, now() + ${seconds(sql, usualSec)}, now() + ${seconds(sql, lastSec)})
    ON CONFLICT (user_id) DO NOTHING`
}

type Row = {
  readonly user_id: string
  readonly log_identity: string | null
  readonly log_ends: string | null
}

export const createPostgresErasures = (pool: Pool): Erasures => ({
  claim: () =>
    pool.run(async (sql) => {
      const [row] = await sql<Row[]>`
        UPDATE erasures SET claimed_until = now() + ${seconds(sql, claimSec)}
        WHERE user_id = (
          SELECT user_id FROM erasures WHERE due_at <= now() AND claimed_until <= now()
          ORDER BY claimed_until, due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING user_id, log_identity, log_ends::text`
      if (!row) return undefined
      const { user_id: userId, log_identity: identity, log_ends: ends } = row
      const isNoted = identity !== null && ends !== null
      return { userId, log: isNoted ? { identity, ends: endsIn(ends) } : undefined }
    }),
  keep: (userId) => claimFor(pool, userId, claimSec),
  postpone: (userId) => claimFor(pool, userId, pauseSec),
  noteEnds: (userId, { identity, ends }) =>
    pool.run(async (sql) => {
      await sql`
        UPDATE erasures SET log_identity = ${identity}, claimed_until = '-infinity',
          log_ends = ${JSON.stringify([...ends])}::text::jsonb
        WHERE user_id = ${userId}`
    }),
  finish: (userId) =>
    pool.transaction(async (sql) => {
      const { count } = await sql`DELETE FROM erasures WHERE user_id = ${userId} AND is_last`
      await sql`
        UPDATE erasures SET is_last = true, due_at = last_due_at, log_identity = NULL,
          log_ends = NULL, claimed_until = '-infinity'
        WHERE user_id = ${userId}`
      return count === 1 ? 'over' : 'again-later'
    }),
})

const claimFor = async (pool: Pool, userId: string, sec: number): Promise<void> => {
  await pool.run(
    (sql) => sql`
      UPDATE erasures SET claimed_until = now() + ${seconds(sql, sec)} WHERE user_id = ${userId}`,
  )
}

const seconds = (sql: Sql, sec: number) => sql`make_interval(secs => ${sec})`

const endsIn = (json: string): ReadonlyMap<number, number> =>
  new Map(JSON.parse(json) as [number, number][])
