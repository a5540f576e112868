// What is being edited, by its row. Here and not in the row, which is drawn anew when it moves, or when it comes back
// into sight: what was typed stays.

import { SvelteMap } from 'svelte/reactivity'
import type { ShownRow } from '../todos/shown.ts'
import type { ListId } from '../todos/todo.ts'

export type Draft = {
  readonly list: ListId
  /** As it was when the editing began: what others do meanwhile is a conflict, and not overwritten. */
  readonly before: ShownRow
  title: string
  description: string
  assignee: string
  /** Just now: the user wants to be in it. */
  isBegun: boolean
}

const drafts = new SvelteMap<string, Draft>()

export const draftOf = (key: string): Draft | undefined => drafts.get(key)

export const beginDraft = (list: ListId, before: ShownRow): void => {
  const { title, description, assignee_id } = before.todo
  const assignee = assignee_id ?? ''
  const draft = $state({ list, before, title, description, assignee, isBegun: true })
  drafts.set(before.key, draft)
}

/** With those that others have deleted while they are edited: what is typed is not taken away. */
export const withDrafts = (list: ListId, rows: readonly ShownRow[]): readonly ShownRow[] => {
  const own = [...drafts.values()].filter((draft) => draft.list === list)
  if (own.length === 0) return rows
  const keys = new Set(rows.map(({ key }) => key))
  const missing = own.filter(({ before }) => !keys.has(before.key))
  return [...missing.map(({ before }) => before), ...rows]
}

export const endDraft = (key: string): void => void drafts.delete(key)

/** Of whoever used the page before. */
export const endDrafts = (): void => drafts.clear()
