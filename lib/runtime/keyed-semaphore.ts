// How many things each key has under way, for bounds by key. A key with none costs nothing.

export type KeyedSemaphore = {
  /** False, with nothing taken, when `key` has `max` already. */
  take(key: string, max: number): boolean
  leave(key: string): void
}

export const createKeyedSemaphore = (): KeyedSemaphore => {
  const taken = new Map<string, number>()
  return {
    take(key, max) {
      const count = taken.get(key) ?? 0
      if (count >= max) return false
      taken.set(key, count + 1)
      return true
    },
    leave(key) {
      const left = (taken.get(key) ?? 1) - 1
      if (left === 0) taken.delete(key)
      else taken.set(key, left)
    },
  }
}
