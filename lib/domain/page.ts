// A page of todos that are not public: a user's personal ones, or a team's.

import type { ListSnapshot } from './list.ts'

/** Whose todos: they are named as the channels of their events are (event.ts). */
export type PageOwner = `user:${string}` | `team:${string}`

/** One page of an owner's todos, of those that there are in all. */
export type PageName = {
  readonly owner: PageOwner
  readonly limit: number
  /** From 1. */
  readonly page: number
}
export type PageSnapshot = ListSnapshot & {
  /** Those that there are in all, counted no further than one past `pagedMax`. */
  readonly total: number
}

/**
 * Todos that pages reach. Postgres reads all that lies before a page: 10,000 take 0.7 ms, 100,000 take
 * 20 ms, and 900,000 take 140 ms. To count a million takes 260 ms. Slices have no such bound.
 */
export const pagedMax = 10_000

/** A place in a list, newest first. What follows it is older, or as old and of a lower id. */
export type Position = { readonly createdAt: Date; readonly id: string }

/** Of a todo, from its JSON in UTF-8; undefined when that is no todo. */
export const placeOf = (todo: Buffer): Position | undefined => {
  try {
    const { id, created_at } = JSON.parse(todo.toString()) as Readonly<Record<string, unknown>>
    if (typeof id !== 'string' || typeof created_at !== 'string') return undefined
    const createdAt = new Date(created_at)
    return Number.isNaN(createdAt.getTime()) ? undefined : { createdAt, id }
  } catch {
    return undefined
  }
}

/** At most `count` todos from the beginning of a list, or from what follows a place in it. */
export type Range = { readonly after: Position | undefined; readonly count: number }

export type Slice = {
  /** As the body of a list: a JSON array in UTF-8, one todo a line. */
  readonly body: Buffer
  /** The place of its last todo, if others follow that. */
  readonly next: Position | undefined
}

/** A page as the store has read it. */
export type PageRead = PageSnapshot & {
  /** Then it is of the version that was to be seen, or of a later one, and may not be of today's. */
  readonly isFromReplica: boolean
}

/** Of an owner's todos. */
export type OwnedSlice = Slice & { readonly version: number }

/** A part of any list that is not kept ready, newest first. */
export type Page<T> = { readonly items: readonly T[]; readonly next: Position | undefined }

/** Of `rows`, which are one more than asked for where there are more. */
export const pageOf = <T>(
  rows: readonly T[],
  count: number,
  placeOf: (row: T) => Position,
): Page<T> => {
  const items = rows.slice(0, count)
  const last = items.at(-1)
  return { items, next: rows.length > count && last ? placeOf(last) : undefined }
}
