// What a user does to todos of one list. Each is a change in the outbox; the page shows it at once.

import { notify } from '../notices.svelte.ts'
import { texts } from '../texts/texts.ts'
import { isNewId, needsMatch, type Change } from './change.ts'
import { undoMs, type Outbox } from './outbox.svelte.ts'
import type { ShownRow } from './shown.ts'
import type { Fields, ListId } from './todo.ts'

export type TodoActions = ReturnType<typeof createActions>

export const createActions = (list: ListId, outbox: () => Outbox | undefined) => {
  const taken = (isTaken: boolean | undefined): boolean => {
    if (!isTaken) notify({ text: texts.problems.outboxFull })
    return isTaken ?? false
  }
  return {
    create: (title: string): boolean =>
      taken(outbox()?.add(list, undefined, { kind: 'create', fields: { title } })),
    edit({ todo, revision, pending }: ShownRow, fields: Fields): boolean {
      // After a change that is on its way it is known only then.
      const isKnown = revision !== undefined && !pending && needsMatch(fields)
      const etag = isKnown && { etag: `"${revision}"` }
      return taken(
        outbox()?.add(list, todo.id, { kind: 'edit', fields, before: { ...todo }, ...etag }),
      )
    },
    /** It can be had back for a while. */
    remove({ todo, pending }: ShownRow) {
      const box = outbox()
      if (isNewId(todo.id) && pending && pending.state.kind !== 'sending') {
        return box?.giveUp(pending.key)
      }
      if (!taken(box?.add(list, todo.id, { kind: 'delete', before: todo }, undoMs))) return
      const made = box?.changes.at(-1)
      notify(
        {
          text: texts.todos.deleted(todo.title),
          action: { name: texts.actions.undo, run: () => made && box?.giveUp(made.key) },
        },
        undoMs,
      )
    },
    again: (change: Change) => outbox()?.again(change),
    giveUp: (change: Change) => outbox()?.giveUp(change.key),
    /** The user's version, over that of the others, which they have seen by now. */
    insist(change: Change) {
      if (change.state.kind !== 'conflict' || change.what.kind !== 'edit') return
      const { theirs, etag } = change.state
      outbox()?.again(change, { ...change.what, before: theirs, etag })
    },
  }
}
