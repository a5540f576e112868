// One todo of a team, with the version of the team's list.

import type { TodoRow } from '../domain/todo.ts'
import type { Sql } from '../drivers/postgres/pool.ts'
import { rowColumns } from './applying.ts'
import { versionOf } from './owners.ts'
import type { TeamTodo } from './todo-store.ts'

/** Undefined also for who is not in the team. */
export const readTeamTodo = async (
  sql: Sql,
  teamId: string,
  userId: string,
  id: string,
): Promise<TeamTodo | undefined> => {
  const isMember = sql`EXISTS (
    SELECT FROM team_members AS member
    WHERE member.team_id = ${teamId} AND member.user_id = ${userId})`
  return readWhere(sql, teamId, id, isMember)
}

/** Whoever asks: that he is in the team is known elsewhere. */
export const readTodoOfTeam = (sql: Sql, teamId: string, id: string) =>
  readWhere(sql, teamId, id, sql`true`)

const readWhere = async (
  sql: Sql,
  teamId: string,
  id: string,
  isAllowed: ReturnType<typeof versionOf>,
): Promise<TeamTodo | undefined> => {
  const [found] = await sql<(TodoRow & { version: string })[]>`
    SELECT ${rowColumns(sql)}, ${versionOf(sql, `team:${teamId}`)} AS version FROM todos
    WHERE id = ${id} AND team_id = ${teamId} AND ${isAllowed}`
  if (!found) return undefined
  const { version, ...row } = found
  return { row, version: Number(version) }
}
