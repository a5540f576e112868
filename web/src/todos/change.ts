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
  | { readonly kind: 'sending'; readonly sinceMs: number }
  | { readonly kind: 'refused'; readonly why: string }
  /** Somebody else changed the same. */
  | { readonly kind: 'conflict'; readonly theirs: Todo; readonly etag: string }

const newPrefix = 'new-'
export const newTodoId = (key: string): string => `${newPrefix}${key}`
export const isNewId = (id: string): boolean => id.startsWith(newPrefix)

/** Text is only overwritten where it is what the user saw. To tick the same box twice does no harm. */
export const needsMatch = ({ title, description }: Fields): boolean =>
  title !== undefined || description !== undefined

/** What somebody else has made of those that the user changed. */
export const differs = (fields: Fields, before: Todo, now: Todo): boolean =>
  (Object.keys(fields) as (keyof Fields)[]).some((name) => before[name] !== now[name])

/** Which may be sent now: of each todo the first, once its time has come. */
export const nextToSend = (changes: readonly Change[], nowMs: number): readonly Change[] => {
  const met = new Set<string>()
  return changes.filter(({ todoId, state, sendAtMs }) => {
    if (met.has(todoId)) return false
    if (state.kind !== 'refused') met.add(todoId)
    return state.kind === 'waiting' && sendAtMs <= nowMs
  })
}

/** The others, once `done` is applied: they know the todo's id and what it is by now. */
export const rebased = (
  changes: readonly Change[],
  done: Change,
  todo: Todo | undefined,
  etag: string | undefined,
): readonly Change[] =>
  changes
    .filter(({ key }) => key !== done.key)
    .map((one) => {
      if (one.todoId !== done.todoId || !todo) return one
      const { what } = one
      const moved = { ...one, todoId: todo.id }
      if (what.kind === 'create') return moved
      const { etag: _old, ...rest } = what
      return { ...moved, what: { ...rest, before: todo, ...(etag !== undefined && { etag }) } }
    })
