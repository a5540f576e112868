// Who is in a team, in Postgres. Each function runs in a change that has been permitted, under the
// locks that change.ts describes.

import { pageOf, type Page, type Range } from '../domain/page.ts'
import type { Member, Team, TeamBounds, TeamRole } from '../domain/team.ts'
import type { Sql } from '../drivers/postgres/pool.ts'
import { lockTeam, permit, Refused, type Change } from './change.ts'
import { todosHere, type TodosOfTeams } from './todos.ts'

const teamsWithMembers = (sql: Sql) => sql`
  SELECT id, name, created_at AS "createdAt", role, joined_at AS "joinedAt"
  FROM teams JOIN team_members ON team_id = id`

export const teamAsSeenBy = async (sql: Sql, userId: string, teamId: string): Promise<Team> => {
  const [team] = await sql<Team[]>`
    ${teamsWithMembers(sql)}
    WHERE id = ${teamId} AND user_id = ${userId}`
  if (!team) throw new Refused('unknown-team')
  return team
}

export const teamsOf = async (
  sql: Sql,
  userId: string,
  { after, count }: Range,
): Promise<Page<Team>> => {
  const rows = await sql<Team[]>`
    ${teamsWithMembers(sql)}
    WHERE user_id = ${userId}
      ${after ? sql`AND (joined_at, team_id) < (${after.createdAt}::timestamptz, ${after.id}::text)` : sql``}
    ORDER BY joined_at DESC, team_id DESC
    LIMIT ${count + 1}`
  return pageOf(rows, count, (team) => ({ createdAt: team.joinedAt, id: team.id }))
}

const members = (sql: Sql) => sql`
  SELECT user_id AS "userId", email, member.role, joined_at AS "joinedAt"
  FROM team_members member JOIN users ON id = user_id`

export const membersOf = async (
  sql: Sql,
  teamId: string,
  { after, count }: Range,
): Promise<Page<Member>> => {
  const rows = await sql<Member[]>`
    ${members(sql)}
    WHERE team_id = ${teamId}
      ${after ? sql`AND (joined_at, user_id) < (${after.createdAt}::timestamptz, ${after.id}::text)` : sql``}
    ORDER BY joined_at DESC, user_id DESC
    LIMIT ${count + 1}`
  return pageOf(rows, count, (member) => ({ createdAt: member.joinedAt, id: member.userId }))
}

/** The bound of teams is checked under the lock of the account, that of members under the team's. */
export const addMember = async (
  sql: Sql,
  bounds: TeamBounds,
  { teamId, userId, role }: { teamId: string; userId: string; role: TeamRole },
  todos: TodosOfTeams = todosHere,
): Promise<void> => {
  const [counted] = await sql<{ is_member: boolean; teams: number; members: number }[]>`
    SELECT
      EXISTS (SELECT FROM team_members
        WHERE team_id = ${teamId} AND user_id = ${userId}) AS is_member,
      (SELECT count(*)::int FROM team_members WHERE user_id = ${userId}) AS teams,
      (SELECT count(*)::int FROM team_members WHERE team_id = ${teamId}) AS members`
  if (counted?.is_member) throw new Refused('already-a-member')
  if (!counted || counted.teams >= bounds.teamsOfUserMax) throw new Refused('too-many-teams')
  if (counted.members >= bounds.membersMax) throw new Refused('too-many-members')
  await sql`
    INSERT INTO team_members (team_id, user_id, role) VALUES (${teamId}, ${userId}, ${role})`
  await todos.rejoin(sql, teamId, userId)
}

export const setRole = async (
  { sql, by, record }: Change,
  teamId: string,
  userId: string,
  role: TeamRole,
): Promise<Member> => {
  await lockTeam(sql, teamId)
  await permit(sql, by.userId, teamId, 'change-role')
  const member = await memberOf(sql, teamId, userId)
  if (member.role === role) return member
  if (role === 'member') await refuseLastAdmin(sql, teamId, userId)
  await sql`
    UPDATE team_members SET role = ${role} WHERE team_id = ${teamId} AND user_id = ${userId}`
  await record(role === 'admin' ? 'member.promoted' : 'member.demoted', teamId, { userId })
  return { ...member, role }
}

export const removeMember = async (
  { sql, by, record }: Change,
  teamId: string,
  userId: string,
  todos: TodosOfTeams = todosHere,
): Promise<undefined> => {
  const leaves = userId === by.userId
  await lockTeam(sql, teamId)
  await permit(sql, by.userId, teamId, leaves ? 'leave-team' : 'remove-member')
  await memberOf(sql, teamId, userId)
  await refuseLastAdmin(sql, teamId, userId)
  await sql`DELETE FROM team_members WHERE team_id = ${teamId} AND user_id = ${userId}`
  await todos.unassign(sql, { teamIds: [teamId], userId, by: by.userId })
  await record(leaves ? 'member.left' : 'member.removed', teamId, { userId })
}

const memberOf = async (sql: Sql, teamId: string, userId: string): Promise<Member> => {
  const [member] = await sql<Member[]>`
    ${members(sql)} WHERE team_id = ${teamId} AND user_id = ${userId}`
  if (!member) throw new Refused('no-such-member')
  return member
}

/** Under the lock of the team. */
const refuseLastAdmin = async (sql: Sql, teamId: string, userId: string): Promise<void> => {
  const admins = await sql<{ user_id: string }[]>`
    SELECT user_id FROM team_members WHERE team_id = ${teamId} AND role = 'admin' LIMIT 2`
  if (admins.length === 1 && admins[0]?.user_id === userId) throw new Refused('last-admin')
}
