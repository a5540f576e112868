// What the server is known to have in one list: pages that were read, and events that came since. Pure.

import type { Todo } from './todo.ts'

export type Row = {
  readonly todo: Todo
  /** Undefined for what came with a page: pages do not say it. */
  readonly revision: number | undefined
  /** Who made the last change that was heard of, and when it was heard; undefined: it was read. */
  readonly touched: { readonly by: string; readonly atMs: number } | undefined
}

export type LiveEvent =
  | {
      readonly kind: 'created' | 'updated'
      readonly by: string
      readonly revision: number
      readonly todo: Todo
    }
  | {
      readonly kind: 'deleted'
      readonly by: string
      readonly revision: number
      readonly id: string
    }

export const rowsOfPage = (todos: readonly Todo[]): Row[] =>
  todos.map((todo) => ({ todo, revision: undefined, touched: undefined }))

/** What is known of a todo that is on the page stays, where it is newer. */
export const withPage = (
  known: readonly Row[],
  todos: readonly Todo[],
  where: 'anew' | 'behind',
): Row[] => {
  const byId = new Map(known.map((row) => [row.todo.id, row]))
  const page = rowsOfPage(todos).map((row) => {
    const before = byId.get(row.todo.id)
    return before && !isOlder(before, row) ? before : row
  })
  if (where === 'anew') return page
  const read = new Set(todos.map(({ id }) => id))
  return [...known.filter(({ todo }) => !read.has(todo.id)), ...page]
}

/** The same rows where the event says nothing new. */
export const afterEvent = (
  rows: readonly Row[],
  event: LiveEvent,
  nowMs: number,
): readonly Row[] =>
  event.kind === 'deleted'
    ? withoutTodo(rows, event.id)
    : withTodo(rows, {
        todo: event.todo,
        revision: event.revision,
        touched: { by: event.by, atMs: nowMs },
      })

export const withoutTodo = (rows: readonly Row[], id: string): readonly Row[] =>
  rows.some(({ todo }) => todo.id === id) ? rows.filter(({ todo }) => todo.id !== id) : rows

/** In its place: the newest is first. */
export const withTodo = (rows: readonly Row[], row: Row): readonly Row[] => {
  const at = rows.findIndex(({ todo }) => todo.id === row.todo.id)
  const known = rows[at]
  if (known) return isOlder(known, row) ? rows.with(at, row) : rows
  const behind = rows.findIndex(({ todo }) => isNewerTodo(row.todo, todo))
  return behind === -1 ? [...rows, row] : rows.toSpliced(behind, 0, row)
}

const isOlder = (a: Row, b: Row): boolean =>
  a.revision !== undefined && b.revision !== undefined
    ? a.revision < b.revision
    : a.todo.updated_at < b.todo.updated_at ||
      // The same state: what says more of it counts.
      (a.todo.updated_at === b.todo.updated_at &&
        a.revision === undefined &&
        b.revision !== undefined)

const isNewerTodo = (a: Todo, b: Todo): boolean =>
  a.created_at === b.created_at ? a.id > b.id : a.created_at > b.created_at
