// Teams in Postgres.

import { randomUUID } from 'node:crypto'
import type { TeamAction } from '../domain/permission.ts'
import type { TeamBounds } from '../domain/team.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import {
  createRunChange,
  lockAccount,
  lockTeam,
  outcomeOf,
  permit,
  standingOf,
  type AppendAudit,
} from './change.ts'
import {
  accept,
  decline,
  invitationsOf,
  invitationsTo,
  invite,
  requireVerifiedEmail,
  withdraw,
  type SendInvitation,
} from './invitations.ts'
import { addMember, membersOf, removeMember, setRole, teamAsSeenBy, teamsOf } from './members.ts'
import type { OnTeamChanged, Teams } from './teams.ts'
import { deleteTeam, type TodosOfTeams } from './todos.ts'

export { createIssueInvitation, pruneInvitations } from './invitations.ts'
export { createLeaveTeams } from './leave-teams.ts'
export { doTeamChore, todosElsewhere } from './chores.ts'

export type TeamSettings = {
  readonly bounds: TeamBounds
  readonly appendAudit: AppendAudit
  readonly onChanged?: OnTeamChanged
  /** Without it whoever invites is given the token. */
  readonly sendInvitation?: SendInvitation | undefined
  /** Whether one's own invitations are shown only to whom the address is known to belong. */
  readonly requiresVerifiedEmail?: boolean
  /** Without it they are in the same database. */
  readonly todos?: TodosOfTeams | undefined
}

export const createPostgresTeams = (pool: Pool, settings: TeamSettings): Teams => {
  const { bounds, appendAudit, onChanged = () => {}, sendInvitation } = settings
  const { requiresVerifiedEmail = false, todos } = settings
  const change = createRunChange(pool, appendAudit, onChanged)

  /** `read`, if `userId` may. */
  const permitted = <T>(
    userId: string,
    teamId: string,
    action: TeamAction,
    read: (sql: Sql) => Promise<T>,
  ) =>
    outcomeOf(
      pool.run(async (sql) => {
        await permit(sql, userId, teamId, action)
        return read(sql)
      }),
    )

  return {
    create: (by, name) =>
      change(by, async ({ sql, record }) => {
        await lockAccount(sql, by.userId)
        const teamId = randomUUID()
        await sql`INSERT INTO teams (id, name) VALUES (${teamId}, ${name})`
        await addMember(sql, bounds, { teamId, userId: by.userId, role: 'admin' })
        await record('team.created', teamId)
        return teamAsSeenBy(sql, by.userId, teamId)
      }),
    standing: (userId, teamId) => pool.run((sql) => standingOf(sql, userId, teamId)),
    listOf: (userId, range) => pool.run((sql) => teamsOf(sql, userId, range)),
    read: (userId, teamId) =>
      permitted(userId, teamId, 'read-team', (sql) => teamAsSeenBy(sql, userId, teamId)),
    rename: (by, teamId, name) =>
      change(by, async ({ sql, record }) => {
        await lockTeam(sql, teamId)
        await permit(sql, by.userId, teamId, 'rename-team')
        await sql`UPDATE teams SET name = ${name} WHERE id = ${teamId}`
        await record('team.renamed', teamId)
        return teamAsSeenBy(sql, by.userId, teamId)
      }),
    remove: (by, teamId) =>
      change(by, async ({ sql, record }) => {
        await lockTeam(sql, teamId)
        await permit(sql, by.userId, teamId, 'delete-team')
        await deleteTeam(sql, teamId, todos)
        await record('team.deleted', teamId)
        return undefined
      }),
    mayReadAudit: (userId, teamId) =>
      permitted(userId, teamId, 'read-team-audit', () => Promise.resolve(undefined)),

    listMembers: (userId, teamId, range) =>
      permitted(userId, teamId, 'list-members', (sql) => membersOf(sql, teamId, range)),
    setRole: (by, teamId, userId, role) => change(by, (one) => setRole(one, teamId, userId, role)),
    removeMember: (by, teamId, userId) =>
      change(by, (one) => removeMember(one, teamId, userId, todos)),

    invite: (by, teamId, email) =>
      change(by, (one) => invite(one, bounds, teamId, email, sendInvitation)),
    listInvitations: (userId, teamId, range) =>
      permitted(userId, teamId, 'list-invitations', (sql) => invitationsOf(sql, teamId, range)),
    withdraw: (by, teamId, invitationId) =>
      change(by, (one) => withdraw(one, teamId, invitationId)),
    listInvitationsTo: (userId, range) =>
      outcomeOf(
        pool.run(async (sql) => {
          if (requiresVerifiedEmail) await requireVerifiedEmail(sql, userId)
          return invitationsTo(sql, userId, range)
        }),
      ),
    accept: (by, token) => change(by, (one) => accept(one, bounds, token, todos)),
    decline: (by, token) => change(by, (one) => decline(one, token)),
  }
}
