// Changes that are not acknowledged, kept in the browser: a reload, a crash or a closed tab loses none. Each has
// an entry of its own, so that two tabs never write over each other's.

import type { Change } from './change.ts'

export type KeyValue = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>

export type KeptChanges = {
  /** In the order in which they were made. */
  read(): readonly Change[]
  has(key: string): boolean
  /** False where the browser keeps no more. */
  keep(change: Change): boolean
  forget(key: string): void
  /** Of the user, all. */
  clear(): void
}

export const createKeptChanges = (storage: KeyValue, user: string): KeptChanges => {
  const prefix = changePrefix(user)
  const keys = () =>
    Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? '').filter((key) =>
      key.startsWith(prefix),
    )
  return {
    read: () =>
      keys()
        .flatMap((key) => parsed(storage.getItem(key)))
        .sort((a, b) => a.madeAtMs - b.madeAtMs || (a.key < b.key ? -1 : 1)),
    has: (key) => storage.getItem(prefix + key) !== null,
    keep(change) {
      // What was being sent when the page closed is sent again, under the same key.
      const isSending = change.state.kind === 'sending'
      const kept: Change = isSending ? { ...change, state: { kind: 'waiting' } } : change
      try {
        storage.setItem(prefix + change.key, JSON.stringify(kept))
        return true
      } catch {
        return false
      }
    },
    forget: (key) => storage.removeItem(prefix + key),
    clear: () => keys().forEach((key) => storage.removeItem(key)),
  }
}

export const changePrefix = (user: string): string => `todos.change.${user}.`

/** None where it is not one of ours. */
const parsed = (json: string | null): Change[] => {
  try {
    const change = JSON.parse(json ?? '') as Partial<Change> | null
    return change?.key && change.what && change.state ? [change as Change] : []
  } catch {
    return []
  }
}
