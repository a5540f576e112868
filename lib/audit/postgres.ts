// The audit log in Postgres. The table refuses to change an entry, and to delete one unless the
// transaction says that it prunes: see sql/011.

import type { AuditEntry, AuditSubject, NewAuditEntry } from '../domain/audit.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import type { AuditLog } from './audit.ts'

/** In the transaction of `sql`: that of the change. */
export const appendAudit = async (sql: Sql, entry: NewAuditEntry): Promise<void> => {
  const { actorId, action, subject, details = {}, requestId } = entry
  await sql`
    INSERT INTO audit_log (actor_id, action, subject_kind, subject_id, details, request_id)
    VALUES (${actorId}, ${action}, ${subject.kind}, ${subject.id},
      ${JSON.stringify(details)}::text::jsonb, ${requestId})`
}

type Row = {
  readonly id: string
  readonly at: Date
  readonly actor_id: string
  readonly action: AuditEntry['action']
  readonly subject_kind: AuditSubject['kind']
  readonly subject_id: string
  readonly details: string
  readonly request_id: string
}

/** Some ten milliseconds of a worker's connection. */
const prunedAtOnce = 10_000

export const createPostgresAuditLog = (pool: Pool): AuditLog => ({
  read: ({ subject, before, count }) =>
    pool.run(async (sql) => {
      const rows = await sql<Row[]>`
        SELECT id::text, at, actor_id, action, subject_kind, subject_id, details::text, request_id
        FROM audit_log
        WHERE true
          ${subject ? sql`AND subject_kind = ${subject.kind} AND subject_id = ${subject.id}` : sql``}
          ${before === undefined ? sql`` : sql`AND audit_log.id < ${before}::bigint`}
        ORDER BY audit_log.id DESC
        LIMIT ${count + 1}`
      return { entries: rows.slice(0, count).map(entryOf), hasMore: rows.length > count }
    }),
  async prune(olderThanDays) {
    let pruned = 0
    for (;;) {
      const count = await pool.transaction((sql) => pruneSome(sql, olderThanDays))
      pruned += count
      if (count < prunedAtOnce) return pruned
    }
  },
})

const pruneSome = async (sql: Sql, olderThanDays: number): Promise<number> => {
  await sql`SELECT set_config('todos.prunes_audit_log', 'yes', true)`
  const { count } = await sql`
    DELETE FROM audit_log WHERE ctid = ANY(ARRAY(
      SELECT ctid FROM audit_log WHERE at < now() - make_interval(days => ${olderThanDays})
      LIMIT ${prunedAtOnce}))`
  return count
}

const entryOf = (row: Row): AuditEntry => ({
  id: row.id,
  at: row.at,
  actorId: row.actor_id,
  action: row.action,
  subject: { kind: row.subject_kind, id: row.subject_id },
  details: JSON.parse(row.details) as AuditEntry['details'],
  requestId: row.request_id,
})
