// The lists of a shard that the map does not have yet: they are empty, and change when it joins. Until then
// nothing is asked of its database, which may not even be there.

import type { ListName, ListSnapshot } from '../domain/list.ts'
import type { ListCache } from './list-cache.ts'

type Store = {
  readList(list: ListName): Promise<ListSnapshot>
  listVersion(): Promise<number>
}

export type Membership = {
  /** True for as long as the map does not have it. */
  isWaiting(): boolean
  /** Resolves when it does. */
  joined(): Promise<void>
}

/** Its version is lower than any that a database has. */
const nothing: ListSnapshot = { version: 0, body: Buffer.from('[]') }

export const untilJoined = (
  cache: ListCache,
  store: Store,
  { isWaiting, joined }: Membership,
): { readonly cache: ListCache; readonly store: Store } => ({
  cache: {
    ...cache,
    get: (list) =>
      isWaiting() ? Promise.resolve({ kind: 'hit', snapshot: nothing }) : cache.get(list),
    announce: (announced) => (isWaiting() ? Promise.resolve(announced) : cache.announce(announced)),
    known: () => (isWaiting() ? Promise.resolve(nothing.version) : cache.known()),
    ping: () => (isWaiting() ? Promise.resolve() : cache.ping()),
    watch(onEvent) {
      if (!isWaiting()) return cache.watch(onEvent)
      onEvent({ kind: 'restored' })
      void joined().then(() => {
        onEvent({ kind: 'lost', reason: 'the shard has just joined the map' })
        cache.watch(onEvent)
      })
    },
  },
  store: {
    readList: (list) => (isWaiting() ? Promise.resolve(nothing) : store.readList(list)),
    listVersion: () => (isWaiting() ? Promise.resolve(nothing.version) : store.listVersion()),
  },
})
