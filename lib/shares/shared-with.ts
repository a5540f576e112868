// What others have shared with somebody, in Postgres. It costs the same however much that is: each way
// that a todo can be shared is read from an index in the order of the list, as far as a page goes.

import { pageOf, type Page, type Range } from '../domain/page.ts'
import type { SharedTodo, ShareRole } from '../domain/share.ts'
import type { Todo } from '../domain/todo.ts'
import type { Sql } from '../drivers/postgres/pool.ts'

/** A todo's share, and whose the todo is. */
export type ShareRow = {
  readonly todo_id: string
  readonly role: ShareRole
  readonly owner_id: string
  readonly owner_email: string
  readonly shared_at: Date
}
/** With the version of the owner's list: it says what the todo was when its share was read. */
export type VersionedShareRow = ShareRow & { readonly owner_version: string | null }

/** Where the todos are: in this database, or in others. */
type Where = 'here' | 'elsewhere'

export const sharedWith = async (
  sql: Sql,
  userId: string,
  range: Range,
): Promise<Page<SharedTodo>> => {
  const rows = await sql<(ShareRow & Todo)[]>`
    WITH ${listed(sql, userId, range, 'here')}
    SELECT ${shareOf(sql)}, todos.id, title, description, completed, todos.user_id,
      todos.created_at, updated_at
    FROM ${sharesAndOwners(sql, userId)} JOIN todos ON todos.id = listed.todo_id
    ${inOrder(sql)}`
  return shareePage(
    rows.map(({ todo_id, role, owner_id, owner_email, shared_at, ...todo }) =>
      sharedTodo({ todo_id, role, owner_id, owner_email, shared_at }, todo),
    ),
    range,
  )
}

/** The shares alone. Their todos are read elsewhere. */
export const sharesWith = async (
  sql: Sql,
  userId: string,
  range: Range,
): Promise<Page<ShareRow>> => {
  const rows = await sql<ShareRow[]>`
    WITH ${listed(sql, userId, range, 'elsewhere')}
    SELECT ${shareOf(sql)} FROM ${sharesAndOwners(sql, userId)} ${inOrder(sql)}`
  return pageOf(rows, range.count, placeOf)
}

/** The shares alone. Their todos are read on a replica, in these versions. */
export const versionedSharesWith = async (
  sql: Sql,
  userId: string,
  range: Range,
): Promise<Page<VersionedShareRow>> => {
  const rows = await sql<VersionedShareRow[]>`
    WITH ${listed(sql, userId, range, 'here')}
    SELECT ${shareOf(sql)},
      (SELECT version FROM personal_lists WHERE user_id = owner_id) AS owner_version
    FROM ${sharesAndOwners(sql, userId)} ${inOrder(sql)}`
  return pageOf(rows, range.count, placeOf)
}

export const sharedTodo = (
  { role, owner_id: userId, owner_email: email, shared_at: sharedAt }: ShareRow,
  todo: Todo,
): SharedTodo => ({ todo, role, sharedBy: { userId, email }, sharedAt })

const shareePage = (items: readonly SharedTodo[], { count }: Range): Page<SharedTodo> =>
  pageOf(items, count, ({ sharedAt, todo }) => ({ createdAt: sharedAt, id: todo.id }))

const placeOf = ({ shared_at: createdAt, todo_id: id }: ShareRow) => ({ createdAt, id })

/** WITH this: each todo once, by its newest share. One more than asked for says whether there are more. */
const listed = (sql: Sql, userId: string, { after, count }: Range, where: Where) => {
  // Shares of before there were shards name no owner.
  const owner = where === 'here' ? sql`todos.user_id` : sql`share.owner_id`
  const todos = where === 'here' ? sql`JOIN todos ON todos.id = share.todo_id` : sql``
  const first = (isShared: ReturnType<Sql>) => sql`
    SELECT share.todo_id, ${owner} AS owner_id, share.created_at
    FROM todo_shares share ${todos}
    WHERE ${isShared} AND ${owner} <> ${userId}
      ${after ? sql`AND (share.created_at, share.todo_id) < (${after.createdAt}::timestamptz, ${after.id}::text)` : sql``}
      AND NOT EXISTS (
        SELECT FROM todo_sharers newer
        WHERE newer.todo_id = share.todo_id AND newer.user_id = ${userId}
          AND (newer.created_at, newer.share_id) > (share.created_at, share.id))
    ORDER BY share.created_at DESC, share.todo_id DESC
    LIMIT ${count + 1}`
  return sql`
    found AS (
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
      SELECT * FROM found ORDER BY created_at DESC, todo_id DESC LIMIT ${count + 1})`
}

const shareOf = (sql: Sql) => sql`
  listed.todo_id, todo_roles.role, owner_id, owner.email AS owner_email,
  listed.created_at AS shared_at`
const sharesAndOwners = (sql: Sql, userId: string) => sql`
  listed
  JOIN users owner ON owner.id = listed.owner_id
  JOIN todo_roles ON todo_roles.todo_id = listed.todo_id AND todo_roles.user_id = ${userId}`
const inOrder = (sql: Sql) => sql`ORDER BY listed.created_at DESC, listed.todo_id DESC`
