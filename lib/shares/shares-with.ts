// What others have shared with somebody, where the todos are in other databases: the shares first, and then
// the todos that they name. A share of a todo that is gone shows nothing.

import { pageOf, type Page, type Range } from '../domain/page.ts'
import type { SharedTodo, ShareRole } from '../domain/share.ts'
import type { TodosElsewhere } from '../domain/todos-elsewhere.ts'
import type { Sql } from '../drivers/postgres/pool.ts'

type Row = {
  readonly todo_id: string
  readonly role: ShareRole
  readonly owner_id: string
  readonly owner_email: string
  readonly shared_at: Date
}

/** Each todo once, by its newest share. Each way of sharing is read in the order of the list, as far as it goes. */
export const sharesWith = async (
  sql: Sql,
  userId: string,
  { after, count }: Range,
): Promise<Page<Row>> => {
  const first = (where: ReturnType<Sql>) => sql`
    SELECT share.todo_id, share.owner_id, share.created_at
    FROM todo_shares share
    WHERE ${where} AND share.owner_id <> ${userId}
      ${after ? sql`AND (share.created_at, share.todo_id) < (${after.createdAt}::timestamptz, ${after.id}::text)` : sql``}
      AND NOT EXISTS (
        SELECT FROM todo_sharers newer
        WHERE newer.todo_id = share.todo_id AND newer.user_id = ${userId}
          AND (newer.created_at, newer.share_id) > (share.created_at, share.id))
    ORDER BY share.created_at DESC, share.todo_id DESC
    LIMIT ${count + 1}`
  const rows = await sql<Row[]>`
    WITH found AS (
      (${first(sql`share.user_id = ${userId}`)})
    UNION ALL
      SELECT of_team.* FROM team_members member
      CROSS JOIN LATERAL (${first(sql`share.team_id = member.team_id`)}) AS of_team
      WHERE member.user_id = ${userId}
    UNION ALL
      SELECT of_address.* FROM users
      CROSS JOIN LATERAL (${first(sql`share.user_id IS NULL AND share.email = users.email`)}) AS of_address
      WHERE users.id = ${userId} AND users.email_verified_at IS NOT NULL),
    listed AS (
      SELECT * FROM found ORDER BY created_at DESC, todo_id DESC LIMIT ${count + 1})
    SELECT listed.todo_id, todo_roles.role, owner_id, owner.email AS owner_email,
      listed.created_at AS shared_at
    FROM listed
    JOIN users owner ON owner.id = listed.owner_id
    JOIN todo_roles ON todo_roles.todo_id = listed.todo_id AND todo_roles.user_id = ${userId}
    ORDER BY listed.created_at DESC, listed.todo_id DESC`
  return pageOf(rows, count, (row) => ({ createdAt: row.shared_at, id: row.todo_id }))
}

export const withTodos = async (
  elsewhere: TodosElsewhere,
  { items, next }: Page<Row>,
): Promise<Page<SharedTodo>> => {
  const todos = await elsewhere.read(items.map((row) => row.todo_id))
  return {
    items: items.flatMap(({ todo_id, role, owner_id: userId, owner_email: email, shared_at }) => {
      const todo = todos.get(todo_id)
      return todo ? [{ todo, role, sharedBy: { userId, email }, sharedAt: shared_at }] : []
    }),
    next,
  }
}
