// What others have shared with somebody, in Postgres. It costs the same however much that is: each way
// that a todo can be shared is read from an index in the order of the list, as far as a page goes.

import { pageOf, type Page, type Range } from '../domain/page.ts'
import type { SharedTodo, ShareRole } from '../domain/share.ts'
import type { Todo } from '../domain/todo.ts'
import type { Sql } from '../drivers/postgres/pool.ts'

type Row = Todo & {
  readonly role: ShareRole
  readonly owner_email: string
  readonly shared_at: Date
}

export const sharedWith = async (
  sql: Sql,
  userId: string,
  { after, count }: Range,
): Promise<Page<SharedTodo>> => {
  /** One todo more than asked for says whether there are more. */
  const first = (where: ReturnType<Sql>) => sql`
    SELECT share.todo_id, share.created_at
    FROM todo_shares share JOIN todos ON todos.id = share.todo_id
    WHERE ${where} AND todos.user_id <> ${userId}
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
    SELECT todos.id, title, description, completed, todos.user_id, todos.created_at, updated_at,
      todo_roles.role, owner.email AS owner_email, listed.created_at AS shared_at
    FROM listed
    JOIN todos ON todos.id = listed.todo_id
    JOIN users owner ON owner.id = todos.user_id
    JOIN todo_roles ON todo_roles.todo_id = todos.id AND todo_roles.user_id = ${userId}
    ORDER BY listed.created_at DESC, todos.id DESC`
  return pageOf(rows.map(shown), count, ({ sharedAt, todo }) => ({
    createdAt: sharedAt,
    id: todo.id,
  }))
}

const shown = ({ role, owner_email: email, shared_at: sharedAt, ...todo }: Row): SharedTodo => ({
  todo,
  role,
  sharedBy: { userId: todo.user_id, email },
  sharedAt,
})
