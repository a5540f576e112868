// A todo as the page has it, whichever list it is of.

import type { TeamTodo, Todo as PlainTodo } from '../api/operations.ts'

export type Todo = PlainTodo & Partial<Pick<TeamTodo, 'team_id' | 'assignee_id'>>

/** A list that the page shows, and that changes are of. */
export type ListId = 'public' | 'mine' | 'shared' | `team:${string}`

/** What a change sets. */
export type Fields = Partial<Pick<Todo, 'title' | 'description' | 'completed' | 'assignee_id'>>

/** As the API calls its channel; what is shared has one for each todo. */
export const channelOf = (list: ListId): string => (list === 'public' ? 'todos' : list)

export const teamIdOf = (list: ListId): string | undefined =>
  list.startsWith('team:') ? list.slice('team:'.length) : undefined

/** The `ETag` of a todo is its revision. */
export const revisionOf = (etag: string | undefined): number | undefined =>
  numberIn(/^"(\d+)"$/, etag)

/** The `ETag` of a list begins with its version. Where it has several, one of each database, none says how new it is. */
export const listVersionOf = (etag: string | undefined): number | undefined =>
  numberIn(/^(?:W\/)?"(\d+)-/, etag)

const numberIn = (pattern: RegExp, etag = ''): number | undefined => {
  const digits = pattern.exec(etag)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
