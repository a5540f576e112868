// One personal todo, as who reads it may.

import type { PersonalStanding, ShareRole } from '../domain/share.ts'
import type { TodoRow } from '../domain/todo.ts'
import type { Sql } from '../drivers/postgres/pool.ts'
import { rowColumns } from './applying.ts'
import { versionOf } from './owners.ts'
import type { PersonalTodo } from './todo-store.ts'

/** The reader's own, or one that is shared with him. */
export const readPersonalTodo = async (
  sql: Sql,
  userId: string,
  id: string,
): Promise<PersonalTodo | undefined> => {
  type Row = TodoRow & { standing: PersonalStanding | null; version: string | null }
  const [found] = await sql<Row[]>`
    SELECT ${rowColumns(sql)}, CASE WHEN user_id = ${userId} THEN 'owner' ELSE (
        SELECT role FROM todo_roles WHERE todo_id = todos.id AND user_id = ${userId}
      ) END AS standing,
      CASE WHEN user_id = ${userId} THEN ${versionOf(sql, `user:${userId}`)} END AS version
    FROM todos WHERE id = ${id} AND is_personal AND team_id IS NULL`
  if (!found?.standing) return undefined
  const { standing, version, ...row } = found
  return { row, standing, version: version === null ? undefined : Number(version) }
}

/** On a shard: whoever reads it, his role is elsewhere. */
export const readAnyPersonalTodo = async (
  sql: Sql,
  userId: string,
  id: string,
): Promise<{ readonly row: TodoRow; readonly version: number } | undefined> => {
  const [found] = await sql<(TodoRow & { version: string })[]>`
    SELECT ${rowColumns(sql)}, ${versionOf(sql, `user:${userId}`)} AS version
    FROM todos WHERE id = ${id} AND is_personal AND team_id IS NULL`
  if (!found) return undefined
  const { version, ...row } = found
  return { row, version: Number(version) }
}

/** Where shares are: the strongest that they give. */
export const readShareRole = async (
  sql: Sql,
  userId: string,
  id: string,
): Promise<ShareRole | undefined> => {
  const [found] = await sql<{ role: ShareRole }[]>`
    SELECT role FROM todo_roles WHERE todo_id = ${id} AND user_id = ${userId}`
  return found?.role
}
