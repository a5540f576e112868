// The todos of shares that were read before: in other databases, or on a replica of this one. Who may see
// them was decided then, by the primary.

import type { Page } from '../domain/page.ts'
import type { SharedTodo } from '../domain/share.ts'
import type { Todo } from '../domain/todo.ts'
import type { TodosElsewhere } from '../domain/todos-elsewhere.ts'
import type { Replicas } from '../drivers/postgres/replicas.ts'
import { sharedTodo, type ShareRow, type VersionedShareRow } from './shared-with.ts'

/** A share of a todo that is gone shows nothing. */
export const fromElsewhere = async (
  elsewhere: TodosElsewhere,
  { items, next }: Page<ShareRow>,
): Promise<Page<SharedTodo>> => {
  const todos = await elsewhere.read(items.map((share) => share.todo_id))
  return {
    items: items.flatMap((share) => {
      const todo = todos.get(share.todo_id)
      return todo ? [sharedTodo(share, todo)] : []
    }),
    next,
  }
}

/**
 * Undefined where no replica has them just as the primary had them when it was asked for the shares. In a later
 * version there may be what was written after a share had ended.
 */
export const fromReplica = async (
  replicas: Replicas,
  { items, next }: Page<VersionedShareRow>,
): Promise<Page<SharedTodo> | undefined> => {
  if (items.length === 0) return { items: [], next }
  type Row = Todo & { readonly version: string | null }
  const ids = items.map((share) => share.todo_id)
  const todos = await replicas.read(
    async (sql) => {
      const rows = await sql<Row[]>`
        SELECT id, title, description, completed, user_id, created_at, updated_at,
          CASE WHEN pg_is_in_recovery() THEN (
            SELECT version FROM personal_lists AS list WHERE list.user_id = todos.user_id
          ) END AS version
        FROM todos WHERE id = ANY(${ids}::text[])`
      return new Map(rows.map((row) => [row.id, row]))
    },
    (found) =>
      items.every(({ todo_id, owner_id, owner_version }) => {
        const row = found.get(todo_id)
        if (row?.user_id !== owner_id) return false
        return owner_version !== null && row.version === owner_version
      }),
  )
  return (
    todos && {
      items: items.flatMap((share) => {
        const row = todos.get(share.todo_id)
        if (!row) return []
        const { version: _, ...todo } = row
        return [sharedTodo(share, todo)]
      }),
      next,
    }
  )
}
