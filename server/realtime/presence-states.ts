// Who is present in one channel, as far as this process knows: its own users, and what every other process
// last said of its own. What a process said holds for a while; one that died is forgotten so. Pure.

/** The smallest ids, in order, and how many there are in all. */
export type Present = { readonly users: readonly string[]; readonly count: number }

/** What a process says of its users in a channel: all of it, each time. */
export type ProcessState = Present & {
  readonly process: string
  /** Grows with each that the process sends. */
  readonly sequence: number
}

/** Ids that are named; of more, there is only the count. */
export const namedMax = 100
/** Their JSON: with all else it must fit into a signal of 7,000 bytes, which 100 UUIDs do (3,900). */
const namedBytesMax = 6_500
/** Limit per channel: far more processes than anybody runs. */
const processesMax = 1_000

/** Those of `users` that are named, from the smallest. */
export const named = (users: Iterable<string>): string[] => {
  const some = [...users].sort().slice(0, namedMax)
  let bytes = 0
  const end = some.findIndex((id) => (bytes += Buffer.byteLength(id) + 3) > namedBytesMax)
  return end === -1 ? some : some.slice(0, end)
}

export type Change = { readonly joined: readonly string[]; readonly left: readonly string[] }

/** Undefined when it is the same. */
export const changeOf = (before: Present, after: Present): Change | undefined => {
  const [old, current] = [new Set(before.users), new Set(after.users)]
  const joined = after.users.filter((id) => !old.has(id))
  const left = before.users.filter((id) => !current.has(id))
  const isSame = joined.length === 0 && left.length === 0 && before.count === after.count
  return isSame ? undefined : { joined, left }
}

export type States = {
  /** Whether it changes anything. One that is not newer than the last of its process does not. */
  take(state: ProcessState, nowMs: number): boolean
  /** Forgets what has not been said again for so long; whether that changes anything. */
  expire(nowMs: number): boolean
  clear(): void
  /** With all users of this process. */
  present(own: ReadonlySet<string> | ReadonlyMap<string, unknown>): Present
}

export const createStates = (ttlMs: number): States => {
  /** An empty one stays as long as any: what is older than it may still come. */
  const states = new Map<string, { readonly state: ProcessState; readonly atMs: number }>()
  return {
    take(state, nowMs) {
      const known = states.get(state.process)?.state
      if (known ? state.sequence <= known.sequence : states.size >= processesMax) return false
      states.set(state.process, { state, atMs: nowMs })
      return changeOf(known ?? nobody, state) !== undefined
    },
    expire(nowMs) {
      let isChanged = false
      for (const [process, { state, atMs }] of states) {
        if (nowMs - atMs < ttlMs) continue
        states.delete(process)
        if (state.count > 0) isChanged = true
      }
      return isChanged
    },
    clear: () => states.clear(),
    present(own) {
      const users = new Set(own.keys())
      let unnamed = 0
      for (const { state } of states.values()) {
        for (const id of state.users) users.add(id)
        unnamed += state.count - state.users.length
      }
      return { users: named(users), count: users.size + unnamed }
    },
  }
}

const nobody: Present = { users: [], count: 0 }
