// Before an account is deleted, in the transaction that deletes it: it leaves every team. A team of nobody
// else is deleted. Where it is the last admin of others, whoever deletes his own account is refused, and
// may choose who follows; when somebody else deletes it, the member of longest standing does.

import type { AuditAction, AuditDetails } from '../domain/audit.ts'
import type { TeamRole } from '../domain/team.ts'
import type { Sql } from '../drivers/postgres/pool.ts'
import { entryOf, lockTeam, type AppendAudit } from './change.ts'
import { deleteTeam, lockMembers, todosHere, type TodosOfTeams } from './todos.ts'

/** Each of these has other members, and no other admin. */
export class TeamsNeedAdmin extends Error {
  override readonly name = 'TeamsNeedAdmin'
  readonly teams: readonly { readonly id: string; readonly name: string }[]
  constructor(teams: TeamsNeedAdmin['teams']) {
    super('teams would be left without an admin')
    this.teams = teams
  }
}

/** With the account's row locked: so it joins no other team meanwhile. */
export type LeaveTeams = (
  sql: Sql,
  by: { readonly actorId: string; readonly requestId: string },
  userId: string,
) => Promise<void>

export const createLeaveTeams =
  (
    appendAudit: AppendAudit,
    /** Whose rows are locked after those of memberships, and before those of todos. */
    endShares: (sql: Sql, userId: string) => Promise<void> = () => Promise.resolve(),
    todos: TodosOfTeams = todosHere,
  ): LeaveTeams =>
  async (sql, by, userId) => {
    const record = (action: AuditAction, teamId: string, details?: AuditDetails) =>
      appendAudit(sql, entryOf(by, action, teamId, details))
    await sql`
      DELETE FROM team_invitations WHERE email = (SELECT email FROM users WHERE id = ${userId})`
    const left = await sql<{ team_id: string }[]>`
      SELECT team_id FROM team_members WHERE user_id = ${userId} ORDER BY team_id`
    for (const { team_id: teamId } of left) {
      await lockTeam(sql, teamId)
      await lockMembers(sql, teamId)
    }
    if (by.actorId === userId) await refuseLastAdmin(sql, userId)
    const deserted: string[] = []
    for (const { team_id: teamId } of left) {
      const [successor] = await sql<{ user_id: string; role: TeamRole }[]>`
        SELECT user_id, role FROM team_members WHERE team_id = ${teamId} AND user_id <> ${userId}
        ORDER BY role = 'admin' DESC, joined_at, user_id LIMIT 1`
      if (successor?.role === 'member') {
        await sql`
          UPDATE team_members SET role = 'admin'
          WHERE team_id = ${teamId} AND user_id = ${successor.user_id}`
        await record('member.promoted', teamId, { userId: successor.user_id })
      }
      await sql`DELETE FROM team_members WHERE team_id = ${teamId} AND user_id = ${userId}`
      await record('member.left', teamId, { userId })
      if (!successor) deserted.push(teamId)
    }
    await endShares(sql, userId)
    // Last: todos are locked after all memberships (todos.ts).
    const teamIds = left.map((one) => one.team_id)
    await todos.unassign(sql, { teamIds, userId, by: by.actorId })
    for (const teamId of deserted) {
      await deleteTeam(sql, teamId, todos)
      await record('team.deleted', teamId)
    }
  }

const refuseLastAdmin = async (sql: Sql, userId: string): Promise<void> => {
  const teams = await sql<{ id: string; name: string }[]>`
    SELECT id, name FROM teams JOIN team_members own ON own.team_id = id AND own.user_id = ${userId}
    WHERE own.role = 'admin'
      AND EXISTS (SELECT FROM team_members WHERE team_id = id AND user_id <> ${userId})
      AND NOT EXISTS (
        SELECT FROM team_members WHERE team_id = id AND user_id <> ${userId} AND role = 'admin')
    ORDER BY name, id`
  if (teams.length > 0) throw new TeamsNeedAdmin(teams)
}
