// What the server is known to have in one list: pages that were read, and events that came since. Pure.

import type { Todo } from './todo.ts'

export type Row = {
  readonly todo: Todo
  /** Undefined for what came with a page: pages do not say it. */
  readonly revision: number | undefined
  /** Who made the last change that was heard of, and when it was heard; undefined: it was read. */
  readonly touched: { readonly by: string; readonly atMs: number } | undefined
  /** What the page called it until the server had given it an id. */
  readonly pageId?: string | undefined
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

/** Pages of a list, as they were read. */
export type Read = {
  readonly todos: readonly Todo[]
  readonly where: 'anew' | 'behind'
  readonly sinceMs: number
  /** The list goes on: what is older than the last that was read is read later. */
  readonly hasMore: boolean
  /** Todos that were deleted since the list was opened: a page may have been read before. */
  readonly gone: ReadonlySet<string>
}

/** What is known of a todo stays, where it is newer than what was read. */
export const withPage = (
  known: readonly Row[],
  { todos, where, sinceMs, hasMore, gone }: Read,
): readonly Row[] => {
  const byId = new Map(known.map((row) => [row.todo.id, row]))
  const page = rowsOfPage(todos.filter(({ id }) => !gone.has(id))).map((row) => {
    const before = byId.get(row.todo.id)
    if (!before) return row
    return isOlder(before, row) ? { ...row, pageId: before.pageId } : before
  })
  const read = new Set(todos.map(({ id }) => id))
  const others = known.filter(({ todo }) => !read.has(todo.id))
  if (where === 'behind') return [...others, ...page]
  // What was heard of since the reading began may be missing there.
  const heard = others.filter(({ touched }) => touched && touched.atMs >= sinceMs)
  return heard.reduce<readonly Row[]>((rows, row) => withTodo(rows, row, hasMore), page)
}

/** The same rows where the event says nothing new. */
export const afterEvent = (
  rows: readonly Row[],
  event: LiveEvent,
  nowMs: number,
  hasMore = false,
): readonly Row[] => {
  if (event.kind === 'deleted') return withoutTodo(rows, event.id)
  const touched = { by: event.by, atMs: nowMs }
  return withTodo(rows, { todo: event.todo, revision: event.revision, touched }, hasMore)
}

export const withoutTodo = (rows: readonly Row[], id: string): readonly Row[] =>
  rows.some(({ todo }) => todo.id === id) ? rows.filter(({ todo }) => todo.id !== id) : rows

/** In its place: the newest is first. */
const withTodo = (rows: readonly Row[], row: Row, hasMore: boolean): readonly Row[] => {
  const at = rows.findIndex(({ todo }) => todo.id === row.todo.id)
  const known = rows[at]
  if (known) {
    return isOlder(known, row) ? rows.with(at, { ...row, pageId: known.pageId }) : rows
  }
  const behind = rows.findIndex(({ todo }) => isNewerTodo(row.todo, todo))
  if (behind === -1) return hasMore ? rows : [...rows, row]
  return rows.toSpliced(behind, 0, row)
}

/** An answer to the user's change of what they knew as `pageId`: its row stays the same row. */
export const withAnswer = (rows: readonly Row[], row: Row, pageId: string): readonly Row[] =>
  withTodo(rows, row, false).map((one) =>
    one.todo.id === row.todo.id && pageId !== one.todo.id && !one.pageId ? { ...one, pageId } : one,
  )

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
