// A change that the user made and the server has not answered yet. It is kept until it is acknowledged, or the
// user gives it up. Pure.

import type { Fields, ListId, Todo } from './todo.ts'

export type Change = {
  /** Its Idempotency-Key: however often it is sent, it is one write. */
  readonly key: string
  readonly list: ListId
  /** Made by the page until the server has given one. */
  readonly todoId: string
  readonly madeAtMs: number
  /** Not sent before: what is deleted can be had back until then. */
  readonly sendAtMs: number
  /** Of a creation that was sent: how the id begins that the server gives it. */
  readonly idStart?: string | undefined
  /** How often the server said that it will be applied. */
  readonly accepted?: number | undefined
  readonly what: What
  readonly state: ChangeState
}

export type What =
  | { readonly kind: 'create'; readonly fields: Fields & { readonly title: string } }
  | {
      readonly kind: 'edit'
      readonly fields: Fields
      /** The todo as the user saw it. */
      readonly before: Todo
      /** Its revision, once that is known: the write is applied only while the todo is at it. */
      readonly etag?: string
    }
  | { readonly kind: 'delete'; readonly before: Todo; readonly etag?: string }

export type ChangeState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'sending' }
  | { readonly kind: 'refused'; readonly why: string }
  /** Somebody else changed the same, or has deleted it: then there is no version of theirs. */
  | { readonly kind: 'conflict'; readonly theirs: Todo | undefined; readonly etag: string }

const newPrefix = 'new-'
export const newTodoId = (key: string): string => `${newPrefix}${key}`
export const isNewId = (id: string): boolean => id.startsWith(newPrefix)

/**
 * What somebody wrote is only overwritten or deleted where the user saw it. A box has two states: whoever
 * changes it wants the other one, whatever became of it meanwhile.
 */
export const needsMatch = (what: What): boolean =>
  what.kind === 'delete' ||
  (what.kind === 'edit' && Object.keys(what.fields).some((name) => name !== 'completed'))

/** Whether somebody else has made something else of what the user changed, or of the text they deleted. */
export const isConflict = (what: What, now: Todo): boolean => {
  if (what.kind === 'create') return false
  const { before } = what
  if (what.kind === 'delete') {
    return before.title !== now.title || before.description !== now.description
  }
  const differ = (name: keyof Fields, a: Fields, b: Fields) =>
    (a[name] ?? undefined) !== (b[name] ?? undefined)
  return (Object.keys(what.fields) as (keyof Fields)[]).some(
    (name) => differ(name, before, now) && differ(name, what.fields, now),
  )
}

/** The user says first what is to become of it. */
export const isUndecided = ({ state }: Change): boolean =>
  state.kind === 'refused' || state.kind === 'conflict'

/** Which may be sent now: of each todo the first, once its time has come. */
export const nextToSend = (changes: readonly Change[], nowMs: number): readonly Change[] => {
  const met = new Set<string>()
  return changes.filter(({ todoId, state, sendAtMs, what }) => {
    if (met.has(todoId)) return false
    // An edit that was refused is in nobody's way; without the creation there is nothing to edit.
    if (state.kind !== 'refused' || what.kind === 'create') met.add(todoId)
    return state.kind === 'waiting' && sendAtMs <= nowMs
  })
}

/** The others, once `done` is applied: they know the todo's id and what it is by now. None is of what is deleted. */
export const rebased = (
  changes: readonly Change[],
  done: Change,
  todo: Todo | undefined,
  etag: string | undefined,
): readonly Change[] =>
  changes
    .filter(({ key, todoId }) => {
      const isGone = done.what.kind === 'delete' && todoId === done.todoId
      return key !== done.key && !isGone
    })
    .map((one) => {
      if (one.todoId !== done.todoId || !todo) return one
      const { what } = one
      const moved = { ...one, todoId: todo.id }
      if (what.kind === 'create') return moved
      const { etag: _old, ...rest } = what
      const next = { ...rest, before: seenAfter(what.before, done.what, todo) }
      const isKnown = etag !== undefined && !isConflict(next, todo)
      return { ...moved, what: isKnown ? { ...next, etag } : next }
    })

/** Of what the server has now the user has seen what they changed themselves, and nothing that others did. */
const seenAfter = (before: Todo, what: What, now: Todo): Todo => {
  const names = what.kind === 'delete' ? [] : (Object.keys(what.fields) as (keyof Fields)[])
  return { ...before, id: now.id, ...Object.fromEntries(names.map((name) => [name, now[name]])) }
}
