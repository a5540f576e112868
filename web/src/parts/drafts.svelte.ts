// What is being edited, by its row. Here and not in the row, which is drawn anew when it moves, or when it comes back
// into sight: what was typed stays.

import { SvelteMap } from 'svelte/reactivity'
import type { ShownRow } from '../todos/shown.ts'

export type Draft = {
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

export const beginDraft = (before: ShownRow): void => {
  const { title, description, assignee_id } = before.todo
  const draft = $state({ before, title, description, assignee: assignee_id ?? '', isBegun: true })
  drafts.set(before.key, draft)
}

export const endDraft = (key: string): void => void drafts.delete(key)

/** Of whoever used the page before. */
export const endDrafts = (): void => drafts.clear()
