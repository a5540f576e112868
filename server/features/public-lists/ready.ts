// What `/ready` says of the lists.

import type { Dependency } from '../../../lib/runtime/parts.ts'
import type { Held } from './freshness.ts'
import type { HotLists } from './hot-list.ts'

/**
 * A process that has just started waits for its first fresh list, or for the reason why there is
 * none. Without Redis it serves lists from Postgres, and is no reason to stop a rollout.
 */
export const listsAreFresh = (
  lists: Pick<HotLists, 'held' | 'missing' | 'trust' | 'wereFresh'>,
): Dependency => ({
  name: 'lists',
  get without() {
    return lists.wereFresh() || lists.trust().kind === 'unverified' ? 'degraded' : 'unready'
  },
  check() {
    const trust = lists.trust()
    if (trust.kind === 'unverified') return Promise.reject(new Error(`unverified, ${trust.reason}`))
    const missing = lists.missing()
    if (missing.length > 0) {
      return Promise.reject(new Error(`without those of the shards ${missing.join(', ')}`))
    }
    const { newest } = lists.held()
    if (newest.kind === 'fresh' || (lists.wereFresh() && isBeingRefreshed(newest))) {
      return Promise.resolve()
    }
    return Promise.reject(new Error(newest.kind))
  },
})

/** Under constant writes a list is stale at any moment, and milliseconds old. */
const refreshAgeMsMax = 1_000
const isBeingRefreshed = (list: Held): boolean =>
  list.kind === 'stale' && performance.now() - list.asOfMs < refreshAgeMsMax
