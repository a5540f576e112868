// The outbox in Postgres.

import type { MailKind } from '../domain/mail.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import {
  keptSec,
  queuedMax,
  retrySecFirst,
  retrySecMax,
  type MailOutbox,
  type QueuedMail,
} from './outbox.ts'

/** In the transaction of `sql`, where it is one. */
export const addMail = async (
  sql: Sql,
  kind: MailKind,
  subject: string,
): Promise<'queued' | 'full'> => {
  const [row] = await sql<{ has_room: boolean }[]>`
    WITH room AS (SELECT count(*) < ${queuedMax} AS has_room FROM mail_outbox),
    added AS (
      INSERT INTO mail_outbox (kind, address) SELECT ${kind}, ${subject} FROM room WHERE has_room
      ON CONFLICT (kind, address) WHERE attempts = 0 DO NOTHING)
    SELECT has_room FROM room`
  return row?.has_room ? 'queued' : 'full'
}

export const createPostgresMailOutbox = (pool: Pool): MailOutbox => ({
  add: (...mail) => pool.run((sql) => addMail(sql, ...mail)),
  claim: () =>
    pool.run(async (sql) => {
      const [row] = await sql<QueuedMail[]>`
        UPDATE mail_outbox SET attempts = attempts + 1, next_try_at = now() + make_interval(
          secs => least(${retrySecMax}, ${retrySecFirst} * power(2, least(attempts, 16))))
        WHERE id = (
          SELECT id FROM mail_outbox WHERE next_try_at <= now()
          ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id::text, kind, address AS subject, attempts AS attempt,
          created_at < now() - make_interval(secs => ${keptSec}) AS "isLate"`
      return row
    }),
  remove: (id) =>
    pool.run(async (sql) => {
      await sql`DELETE FROM mail_outbox WHERE id = ${id}::bigint`
    }),
})
