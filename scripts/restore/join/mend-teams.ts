// What was ended in DATABASE_URL, and what a shard that went back has of it again: todos of teams that are
// gone, todos that are assigned to former members, todos of accounts that were deleted. Written down as what a
// worker does anyway, again until it is done.

import { requestErasure } from '../../../lib/accounts/postgres-erasures.ts'
import type { Pool, Sql } from '../../../lib/drivers/postgres/pool.ts'
import { todosElsewhere } from '../../../lib/teams/chores.ts'

export type Assigned = { readonly teamId: string; readonly userId: string | undefined }

/** Of each team that has todos here; and to whom some are assigned. */
export const readAssigned = async (pool: Pool): Promise<Assigned[]> => {
  const rows = await pool.run(
    (sql) => sql<{ team_id: string; assignee_id: string | null }[]>`
      SELECT DISTINCT team_id, assignee_id FROM todos WHERE team_id IS NOT NULL`,
  )
  return rows.map((row) => ({ teamId: row.team_id, userId: row.assignee_id ?? undefined }))
}

export type TeamChores = {
  /** Teams that DATABASE_URL does not know. */
  readonly unknown: number
  readonly unassigned: number
}

/** `deletesUnknown`: they are gone. Else they may be of after the moment that DATABASE_URL is of. */
export const requestTeamChores = async (
  sql: Sql,
  assigned: readonly Assigned[],
  deletesUnknown: boolean,
): Promise<TeamChores> => {
  const teamIds = [...new Set(assigned.map(({ teamId }) => teamId))]
  const known = await sql<{ id: string }[]>`
    SELECT id FROM teams WHERE id = ANY(${teamIds}::text[])`
  const isKnown = new Set(known.map(({ id }) => id))
  const unknown = teamIds.filter((id) => !isKnown.has(id))
  if (deletesUnknown) for (const id of unknown) await todosElsewhere.deleteAll(sql, id)
  const members = assigned.flatMap(({ teamId, userId }) =>
    userId !== undefined && isKnown.has(teamId) ? [{ teamId, userId }] : [],
  )
  const former = await sql<{ team_id: string; user_id: string }[]>`
    SELECT team_id, user_id FROM unnest(${members.map(({ teamId }) => teamId)}::text[],
      ${members.map(({ userId }) => userId)}::text[]) AS assigned (team_id, user_id)
    WHERE NOT EXISTS (SELECT FROM team_members AS known
      WHERE known.team_id = assigned.team_id AND known.user_id = assigned.user_id)`
  for (const { team_id, user_id: userId } of former) {
    // Who ended the membership is not known any more: as if they had left.
    await todosElsewhere.unassign(sql, { teamIds: [team_id], userId, by: userId })
  }
  return { unknown: unknown.length, unassigned: former.length }
}

/** An account that was deleted is erased within minutes, and later where a shard was down. */
const erasedWithinDays = 7
/** Begun at once, and once more when what was on its way has come. */
const waits = { usualSec: 1, lastSec: 3_600 }

/** Returns how many. `since`: what is erased since then is back. */
export const requestErasures = async (sql: Sql, since: Date): Promise<number> => {
  const rows = await sql<{ subject_id: string }[]>`
    SELECT DISTINCT subject_id FROM audit_log
    WHERE action = 'account.deleted' AND subject_kind = 'account'
      AND at > ${since}::timestamptz - make_interval(days => ${erasedWithinDays})
      AND NOT EXISTS (SELECT FROM users WHERE users.id = subject_id)`
  for (const { subject_id: userId } of rows) {
    // One that waits for its last time is begun anew: what it has noted is of before.
    await sql`DELETE FROM erasures WHERE user_id = ${userId}`
    await requestErasure(sql, userId, waits)
  }
  return rows.length
}

/** Clocks of two databases differ. */
const clocksDifferSec = 60

/** What commands were judged by when they were applied first, and are not judged by now. */
export const countEnded = async (sql: Sql, since: Date): Promise<number> => {
  const [row] = await sql<{ count: number }[]>`
    SELECT count(*)::int FROM audit_log
    WHERE action IN ('member.left', 'member.removed', 'member.demoted', 'team.deleted', 'share.revoked')
      AND at > ${since}::timestamptz - make_interval(secs => ${clocksDifferSec})`
  return row?.count ?? 0
}
