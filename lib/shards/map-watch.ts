// The map of shards as a running process has it: read again once a second, so that a change is noticed.
// Nobody is sent to a shard by a map that is known to be old, nor by one that nobody has confirmed for a
// while: whoever changes the map waits for that long, and then no process goes by the one before.

import { withTimeout } from '../runtime/deadline.ts'
import type { Log } from '../runtime/log.ts'
import type { ShardMap } from '../domain/shard-map.ts'

export type MapWatch = {
  /** The newest that was read. Throws MapUnknown when it is not known whether it is still the one. */
  map(): ShardMap
  /** Reads it now. Rejects when there is none, or the database does not answer. */
  read(): Promise<ShardMap>
  /** Reads it again and again from now on. */
  start(): void
  close(): void
}

/** The database of the map does not say what it is now. */
export class MapUnknown extends Error {
  override readonly name = 'MapUnknown'
}
/** No map: nobody has made one. */
export class NoMap extends Error {
  override readonly name = 'NoMap'
}

export const mapReadEveryMs = 1_000
const readTimeoutMs = 2_000
/** For so long a map is gone by that was read last. Whoever changes it waits for longer than this. */
export const mapBelievedMs = 10_000

export const watchShardMap = (
  readMap: () => Promise<ShardMap | undefined>,
  log: Log,
  believedMs = mapBelievedMs,
  onRead: (map: ShardMap) => void = () => {},
): MapWatch => {
  let known: { readonly map: ShardMap; readonly confirmedMs: number } | undefined
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  let isSaid = false

  const read = async (): Promise<ShardMap> => {
    // True for when it was asked, and not for when it was answered.
    const confirmedMs = performance.now()
    const map = await withTimeout(readTimeoutMs, readMap)
    if (!map) throw new NoMap('there is no map of shards: run npm run shards -- init')
    if (known && known.map.installation !== map.installation)
      throw new MapUnknown('DATABASE_URL leads to the map of another installation now')
    // Answers may overtake each other.
    if (known && map.version < known.map.version)
      throw new MapUnknown(
        `the map of shards went back to ${map.version}: was DATABASE_URL restored?`,
      )
    if (known && map.version > known.map.version)
      log.info({ from: known.map.version, to: map.version }, 'the map of shards has changed')
    known = { map, confirmedMs: Math.max(confirmedMs, known?.confirmedMs ?? 0) }
    onRead(map)
    return map
  }

  const readAgain = async () => {
    try {
      await read()
      if (isSaid) log.warn('the map of shards is known again')
      isSaid = false
    } catch (error) {
      if (!isSaid && isOld())
        log.warn(
          { reason: (error as Error).message },
          'the map of shards is not known: no shard is used',
        )
      isSaid ||= isOld()
    }
    if (!isClosed) timer = setTimeout(() => void readAgain(), mapReadEveryMs).unref()
  }
  const isOld = () => !known || performance.now() - known.confirmedMs > believedMs

  return {
    map() {
      if (!known || isOld()) throw new MapUnknown('the map of shards is not known now')
      return known.map
    },
    read,
    start: () => void readAgain(),
    close() {
      isClosed = true
      clearTimeout(timer)
    },
  }
}
