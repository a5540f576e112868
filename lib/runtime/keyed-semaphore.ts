// How many things each key has in flight, for bounds by key. A key with none costs nothing.

export type KeyedSemaphore = {
  /** False, without taking one, when `key` has `max` already. */
  take(key: string, max: number): boolean
  leave(key: string): void
}

export const createKeyedSemaphore = (): KeyedSemaphore => {
  const held = new Map<string, number>()
  return {
    take(key, max) {
      const count = held.get(key) ?? 0
      if (count >= max) return false
      held.set(key, count + 1)
      return true
    },
    leave(key) {
      const left = (held.get(key) ?? 1) - 1
      if (left === 0) held.delete(key)
      else held.set(key, left)
    },
  }
}
