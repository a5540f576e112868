// What a user does to todos of one list. Each is a change in the outbox; the page shows it at once.

import { notify } from '../notices.svelte.ts'
import { texts } from '../texts/texts.ts'
import { isUndecided, needsMatch, type Change, type What } from './change.ts'
import { undoMs, type Outbox } from './outbox.svelte.ts'
import type { ShownRow } from './shown.ts'
import type { Fields, ListId, Todo } from './todo.ts'

/** Not until it is sent: who clicks at the last moment has it back. */
const undoShownMs = undoMs - 500

export type TodoActions = ReturnType<typeof createActions>

export const createActions = (list: ListId, outbox: () => Outbox | undefined) => {
  const taken = (isTaken: boolean | undefined): boolean => {
    if (!isTaken) notify({ text: texts.problems.outboxFull })
    return isTaken ?? false
  }
  return {
    list,
    create: (title: string): boolean =>
      taken(outbox()?.add(list, undefined, { kind: 'create', fields: { title } })),
    /** `todoId`: the server may have named it since the row was seen. */
    edit(row: ShownRow, fields: Fields, todoId = row.todo.id): boolean {
      const what = seenAs(row, { kind: 'edit', fields, before: row.todo })
      return taken(outbox()?.add(list, todoId, what))
    },
    /** It can be had back for a while. */
    remove(row: ShownRow) {
      const { todo } = row
      const box = outbox()
      const undecided = box?.changes.filter((one) => one.todoId === todo.id && isUndecided(one))
      undecided?.forEach(({ key }) => box?.giveUp(key))
      if (undecided?.some(({ what }) => what.kind === 'create')) return
      if (!taken(box?.add(list, todo.id, seenAs(row, { kind: 'delete', before: todo }), undoMs)))
        return
      const made = box?.changes.at(-1)
      notify(
        {
          text: texts.todos.deleted(todo.title),
          action: { name: texts.actions.undo, run: () => made && box?.giveUp(made.key) },
        },
        undoShownMs,
      )
    },
    again: (change: Change) => outbox()?.again(change),
    giveUp: (change: Change) => outbox()?.giveUp(change.key),
    /** The user's version, over that of the others, which they have seen by now. */
    insist(change: Change) {
      const { what, state } = change
      if (state.kind !== 'conflict' || what.kind === 'create') return
      const { theirs, etag } = state
      if (theirs) outbox()?.again(change, { ...what, before: theirs, etag })
      else if (what.kind === 'edit') outbox()?.again(change, madeAnew(what.before, what.fields))
    },
  }
}

/** After a change that is on its way the revision is known only then. */
const seenAs = <W extends What>({ revision, pending }: ShownRow, what: W): W =>
  revision !== undefined && !pending && needsMatch(what) ? { ...what, etag: `"${revision}"` } : what

/** What others have deleted, with what the user wants of it. */
const madeAnew = ({ title, description, completed }: Todo, fields: Fields): What => ({
  kind: 'create',
  fields: { title, description, completed, ...fields },
})
