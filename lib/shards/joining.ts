// Which of the shards in DATABASE_SHARDS the map has. One may join it at any time, and is used from then on;
// one that leaves it is asked until the process ends, for it has nothing that could be missed.

import { shardsUsed, shardsWaiting, type ShardMap } from '../domain/shard-map.ts'
import type { Log } from '../runtime/log.ts'

export type Joining = {
  /** To be told of each map that was read. */
  onRead(map: ShardMap): void
  /** The map does not have it, and never had. False for all before one was read. */
  isWaiting(name: string): boolean
  /** Resolves when the map has it. */
  joined(name: string): Promise<void>
  /** Those of the map that the settings do not have. */
  lacking(): readonly string[]
}

/** `onJoined`: not of those that the first map has. */
export const createJoining = (
  names: readonly string[],
  log: Log,
  onJoined: (name: string) => void,
): Joining => {
  let newest: ShardMap | undefined
  let lacking: readonly string[] = []
  const waiters = new Map<string, () => void>()
  const joined = new Map(
    names.map((name) => [name, new Promise<void>((resolve) => waiters.set(name, resolve))]),
  )

  return {
    onRead(map) {
      const isFirst = newest === undefined
      if (map.version === newest?.version) return
      newest = map
      lacking = [...shardsUsed(map)].filter((name) => !names.includes(name))
      const waiting = shardsWaiting(map, names)
      for (const name of names) {
        const resolve = waiters.get(name)
        if (!resolve || waiting.includes(name)) continue
        waiters.delete(name)
        resolve()
        if (isFirst) continue
        log.warn({ shard: name }, 'the shard has joined the map and is used from now on')
        onJoined(name)
      }
      if (isFirst && waiting.length > 0)
        log.warn(
          { shards: waiting },
          'going on without shards of DATABASE_SHARDS that are not in the map: run npm run shards -- add',
        )
    },
    isWaiting: (name) => newest !== undefined && waiters.has(name),
    joined: (name) => joined.get(name) ?? Promise.reject(new Error(`there is no shard ${name}`)),
    lacking: () => lacking,
  }
}
