// Announces the store's version to the list cache, and overrules a cache that claims a later one.
// Such a cache holds another database's lists, those of before a restore, or a number that somebody
// has put there.

import type { ListCache } from './list-cache.ts'

/** Resolves with the claim that was overruled, undefined when there was none. */
export const announceVersion = async (
  store: { listVersion(): Promise<number> },
  cache: Pick<ListCache, 'announce' | 'overrule'>,
): Promise<number | undefined> => {
  // Read after the commit: it covers that commit, and every other one made so far.
  const version = await store.listVersion()
  const known = await cache.announce(version)
  if (known <= version) return undefined
  // Read again, after the cache was asked: a version is announced after its commit, so the store has
  // reached every version that was announced from it.
  const latest = await store.listVersion()
  if (known <= latest) return undefined
  await cache.overrule(known, latest)
  return known
}
