// The seam between those who show a user's personal todos, or a team's, a page at a time, and those who
// change them. It holds pages that were read from the store once, and invalidations of all pages of an
// owner.

import type { PageName, PageOwner, PageSnapshot } from '../domain/page.ts'

/** Nothing here rejects, or takes long: without the cache there is the store. */
export interface PageCache {
  /** Undefined when it is not there: read it from the store, and fill it in. */
  get(page: PageName): Promise<PageSnapshot | undefined>
  /** Believed only if none of the owner's todos has changed since the snapshot was read. */
  fill(page: PageName, snapshot: PageSnapshot): Promise<void>
  /**
   * These owners' pages, in these versions, are what is true: older ones are gone once this resolves.
   * With the cache unavailable it resolves too, and repeats the invalidation until it is acknowledged.
   */
  changed(versions: ReadonlyMap<PageOwner, number>): Promise<void>
  /** Nothing names these owners any more but pages, until they expire. For those whose pages were changed. */
  forget(owners: readonly PageOwner[]): Promise<void>
  close(): Promise<void>
}

/** For the embedded stack: pages are read from Postgres, by an index. */
export const noPageCache: PageCache = {
  get: () => Promise.resolve(undefined),
  fill: () => Promise.resolve(),
  changed: () => Promise.resolve(),
  forget: () => Promise.resolve(),
  close: () => Promise.resolve(),
}
