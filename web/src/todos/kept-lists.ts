// The last lists that were seen, so that the page has something to show without a network. One entry a list.

import type { KeyValue } from './kept-changes.ts'
import type { ListId, Todo } from './todo.ts'

/** Of each list, about 40 kB. */
const todosMax = 100

export type KeptList = { readonly todos: readonly Todo[]; readonly readAtMs: number }

export const keepList = (
  storage: KeyValue,
  user: string,
  list: ListId,
  todos: readonly Todo[],
): void => {
  const kept: KeptList = { todos: todos.slice(0, todosMax), readAtMs: Date.now() }
  try {
    storage.setItem(listKey(user, list), JSON.stringify(kept))
  } catch {
    // The browser keeps no more: then the list is shown only with a network.
  }
}

export const keptList = (storage: KeyValue, user: string, list: ListId): KeptList | undefined => {
  try {
    const kept = JSON.parse(storage.getItem(listKey(user, list)) ?? 'null') as KeptList | null
    return kept && Array.isArray(kept.todos) ? kept : undefined
  } catch {
    return undefined
  }
}

/** For whoever logs out: the next user of this browser sees none of them. */
export const forgetLists = (storage: KeyValue, user: string): void => {
  const keys = Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? '')
  for (const key of keys) if (key.startsWith(listKey(user, ''))) storage.removeItem(key)
}

/** The public list is nobody's. */
const listKey = (user: string, list: ListId | ''): string =>
  `todos.list.${list === 'public' ? '' : user}.${list}`
