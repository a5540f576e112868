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

/** An `ETag` begins with the version of the list, or is the revision of the todo. */
export const versionOf = (etag: string | undefined): number | undefined => {
  const digits = /\d+/.exec(etag ?? '')?.[0]
  return digits === undefined ? undefined : Number(digits)
}
