// What is shown: what the server has, with the user's changes on top, each marked until it is acknowledged. Pure.

import type { Change, ChangeState } from './change.ts'
import type { Row } from './rows.ts'
import type { ListId, Todo } from './todo.ts'

export type ShownRow = {
  readonly todo: Todo
  readonly revision: number | undefined
  readonly touched: Row['touched']
  /** The last of the user's changes; undefined: all is acknowledged. */
  readonly pending: Change | undefined
}

export const shownRows = (
  rows: readonly Row[],
  changes: readonly Change[],
  list: ListId,
  user: string,
): readonly ShownRow[] => {
  const ofList = changes.filter((change) => change.list === list)
  const created = ofList
    .filter(({ what, todoId }) => what.kind === 'create' && !isHeardOf(rows, ofList, todoId, user))
    .map((change) => createdRow(change, user))
  const all = [
    ...created.toReversed(),
    ...rows.map((row): ShownRow => ({ ...row, pending: undefined })),
  ]
  if (ofList.length === 0) return all
  const byTodo = Map.groupBy(ofList, ({ todoId }) => todoId)
  return all.flatMap((row) => {
    const shown = (byTodo.get(row.todo.id) ?? []).reduce<ShownRow | undefined>(withChange, row)
    return shown ? [shown] : []
  })
}

/** Undefined: it is shown no more. */
const withChange = (row: ShownRow | undefined, change: Change): ShownRow | undefined => {
  if (!row || change.what.kind === 'create') return row
  // What was refused is not so: the server's state is shown, and the reason with it.
  if (!isHoped(change.state)) return { ...row, pending: change }
  if (change.what.kind === 'delete') return undefined
  return { ...row, todo: { ...row.todo, ...change.what.fields }, pending: change }
}

const isHoped = ({ kind }: ChangeState): boolean => kind === 'waiting' || kind === 'sending'

const createdRow = (change: Change, user: string): ShownRow => {
  const fields = change.what.kind === 'create' ? change.what.fields : { title: '' }
  const at = new Date(change.madeAtMs).toISOString()
  return {
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

/** An event may be faster than the answer. Then the todo would be there twice for a moment. */
const isHeardOf = (
  rows: readonly Row[],
  changes: readonly Change[],
  todoId: string,
  user: string,
): boolean => {
  const change = changes.find((one) => one.todoId === todoId && one.what.kind === 'create')
  if (change?.what.kind !== 'create' || change.state.kind !== 'sending') return false
  const { sinceMs } = change.state
  const { title } = change.what.fields
  const later = changes.filter(({ what }) => what.kind === 'create' && what.fields.title === title)
  const heard = rows.filter(
    ({ todo, touched }) =>
      touched?.by === user && touched.atMs >= sinceMs && todo.title.trim() === title.trim(),
  )
  // Of several with one title, as many are hidden as were heard of.
  return later.indexOf(change) < heard.length
}
