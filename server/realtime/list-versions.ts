// How new a list must be that is read because of what is told here. Its version is read from the store
// behind the event, so it covers the event: what is told was committed before.

import type { ChannelName } from '../../lib/domain/event.ts'

/** `name`: as clients call it. Rejects while the store can't be read. */
export type ListVersion = (channel: ChannelName, name: string) => Promise<number>

/** Of different channels: after a reset all are wanted at once, and requests read there too. */
const readsMax = 4

type Wanted = {
  readonly name: string
  readonly promise: Promise<number>
  readonly resolve: (version: number) => void
  readonly reject: (error: unknown) => void
}

/** One read for all who ask before it begins: of one channel there may be thousands. */
export const createListVersions = (read: ListVersion): ListVersion => {
  const wanted = new Map<ChannelName, Wanted>()
  const reading = new Set<ChannelName>()

  const begin = () => {
    for (const [channel, { name, resolve, reject }] of wanted) {
      if (reading.size >= readsMax) return
      if (reading.has(channel)) continue
      wanted.delete(channel)
      reading.add(channel)
      void read(channel, name)
        .then(resolve, reject)
        .finally(() => {
          reading.delete(channel)
          begin()
        })
    }
  }

  return (channel, name) => {
    const known = wanted.get(channel)
    if (known) return known.promise
    let resolve: Wanted['resolve'] = () => {}
    let reject: Wanted['reject'] = () => {}
    const promise = new Promise<number>((...both) => ([resolve, reject] = both))
    wanted.set(channel, { name, promise, resolve, reject })
    begin()
    return promise
  }
}
