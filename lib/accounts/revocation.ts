// Sessions that end before their time, in Postgres: every server process is notified as it commits.

import type { Sql } from '../drivers/postgres/pool.ts'

export const revocationChannel = 'todos_session_revoked'

/** False when it was revoked already, or is not there. */
export const revokeSession = async (sql: Sql, id: string): Promise<boolean> => {
  const notified = await sql`
    WITH revoked AS (
      UPDATE sessions SET revoked_at = now() WHERE id = ${id} AND revoked_at IS NULL RETURNING id)
    SELECT pg_notify(${revocationChannel}, id) FROM revoked`
  return notified.count === 1
}

/**
 * The sessions that it ended. Those that have expired as well: their last access token may live on. In a
 * transaction that has locked the account's row: see openSession.
 */
export const revokeSessionsOf = async (sql: Sql, userId: string): Promise<string[]> => {
  const rows = await sql<{ id: string }[]>`
    WITH revoked AS (
      UPDATE sessions SET revoked_at = now()
      WHERE user_id = ${userId} AND revoked_at IS NULL RETURNING id)
    SELECT id, pg_notify(${revocationChannel}, id) FROM revoked`
  return rows.map((row) => row.id)
}
