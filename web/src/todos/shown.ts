// What is shown: what the server has, with the user's changes on top, each marked until it is acknowledged. Pure.

import { isUndecided, type Change } from './change.ts'
import { idStartLength } from './id-start.ts'
import type { Row } from './rows.ts'
import type { ListId, Todo } from './todo.ts'

export type ShownRow = {
  /** Stays the same when the server gives the todo an id. */
  readonly key: string
  readonly todo: Todo
  readonly revision: number | undefined
  readonly touched: Row['touched']
  /** Of the user's changes the first to be decided on, else the last; undefined: all is acknowledged. */
  readonly pending: Change | undefined
}

export const shownRows = (
  rows: readonly Row[],
  changes: readonly Change[],
  list: ListId,
  user: string,
): readonly ShownRow[] => {
  const ofList = changes.filter((change) => change.list === list)
  if (ofList.length === 0) return rows.map((row) => rowOf(row, row.pageId))
  const byTodo = Map.groupBy(ofList, ({ todoId }) => todoId)
  const known = createdAndKnown(rows, ofList)
  const created = ofList
    .filter(({ what, todoId }) => what.kind === 'create' && !known.has(todoId))
    .map((change) => createdRow(change, user))
  const pageIds = new Map([...known].map(([pageId, row]) => [row, pageId]))
  const ids = new Set([...rows, ...created].map(({ todo }) => todo.id))
  const all = [
    ...[...byTodo].flatMap(([id, own]) => (ids.has(id) ? [] : missingRow(own))),
    ...created.toReversed(),
    ...rows.map((row) => rowOf(row, row.pageId ?? pageIds.get(row))),
  ]
  return all.flatMap((row) => {
    const own = [...(byTodo.get(row.key) ?? []), ...(byTodo.get(row.todo.id) ?? [])]
    return withChanges(row, [...new Set(own)])
  })
}

const rowOf = (row: Row, pageId: string | undefined): ShownRow => ({
  ...row,
  key: pageId ?? row.todo.id,
  pending: undefined,
})

/** What was refused is not so: the server's state is shown, and the reason with it. */
const withChanges = (row: ShownRow, changes: readonly Change[]): ShownRow[] => {
  const undecided = changes.find(isUndecided)
  if (!undecided && changes.some(({ what }) => what.kind === 'delete')) return []
  const fields = changes.map((one) =>
    one.what.kind === 'edit' && !isUndecided(one) ? one.what.fields : {},
  )
  const todo = Object.assign({}, row.todo, ...fields) as Todo
  return [{ ...row, todo, pending: undecided ?? changes.at(-1) }]
}

/** Others have deleted it, or it is on a page that was not read: what the user wanted of it is not lost. */
const missingRow = (changes: readonly Change[]): ShownRow[] => {
  const { what, state } = changes.find(isUndecided) ?? {}
  if (!what || what.kind === 'create') return []
  const todo = (state?.kind === 'conflict' ? state.theirs : undefined) ?? what.before
  return [rowOf({ todo, revision: undefined, touched: undefined }, undefined)]
}

const createdRow = (change: Change, user: string): ShownRow => {
  const fields = change.what.kind === 'create' ? change.what.fields : { title: '' }
  const at = new Date(change.madeAtMs).toISOString()
  return {
    key: change.todoId,
    todo: {
      id: change.todoId,
      description: '',
      completed: false,
      user_id: user,
      created_at: at,
      updated_at: at,
      ...fields,
    },
    revision: undefined,
    touched: undefined,
    pending: change,
  }
}

/**
 * An event may be faster than the answer, and an answer may be lost: then the todo would be there twice. By what the
 * page calls it, the row that is the same todo.
 */
const createdAndKnown = (
  rows: readonly Row[],
  changes: readonly Change[],
): ReadonlyMap<string, Row> => {
  const waited = new Map(
    changes.flatMap(({ idStart, todoId }) => (idStart ? [[idStart, todoId]] : [])),
  )
  const found = new Map<string, Row>()
  for (const row of waited.size > 0 ? rows : []) {
    const pageId = waited.get(row.todo.id.slice(0, idStartLength))
    if (pageId !== undefined) found.set(pageId, row)
  }
  return found
}
