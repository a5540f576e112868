// A list of all shards. Each has a list of its own, which is kept fresh by itself, with a version and
// announcements of its own; here those that are held are merged. Versions of different shards are never
// added up or compared: the merged list is named by all of them. So what is proven of one database's list
// (freshness.ts) holds for each part, and a shard that is down makes no other part old.

import { isTooLong, newestCount, type ListSnapshot } from '../../../lib/domain/list.ts'
import { mergeSlices } from '../../../lib/domain/merge-lists.ts'
import type { ListCache } from '../../../lib/list-cache/list-cache.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import { keepFresh, type FreshList, type FreshListParts, type Held } from './freshness.ts'

/** A database that has public todos, and the cache of its lists. */
export type ListSource = {
  /** Of a shard, where there are some. */
  readonly name?: string
  readonly cache: ListCache
  readonly store: Pick<TodoStore, 'readList' | 'listVersion'>
}

export type MergedSnapshot = {
  /** One version for each source, in their order: two of one name are the same bytes. */
  readonly version: string
  readonly body: Buffer
  /** Sources whose todos are not in it: they do not answer. */
  readonly missing: readonly string[]
}

export type MergedList = Pick<FreshList, 'load' | 'held' | 'wasFresh' | 'refreshes' | 'close'> & {
  /** By source. */
  readonly parts: readonly FreshList[]
}

type Parts = Omit<FreshListParts, 'cache' | 'store' | 'onList'> & {
  readonly sources: readonly ListSource[]
  readonly onList: (snapshot: MergedSnapshot | undefined) => void
}

export const keepMerged = ({ sources, onList, ...rest }: Parts): MergedList => {
  // What follows the newest so many of each shard is not known here.
  const countMax = rest.list === 'newest' ? newestCount : Infinity
  const snapshots = sources.map((): ListSnapshot | undefined => undefined)
  let isShown = false

  const show = () => {
    const merged = merge(sources, parts, snapshots, countMax)
    if (!merged && !isShown) return
    isShown = merged !== undefined
    onList(merged)
  }
  const parts: readonly FreshList[] = sources.map(({ cache, store }, i) =>
    keepFresh({
      ...rest,
      cache,
      store,
      onList(snapshot) {
        snapshots[i] = snapshot
        show()
      },
    }),
  )

  return {
    parts,
    async load() {
      const loaded = await Promise.allSettled(parts.map((part) => part.load()))
      const failed = loaded.find((one) => one.status === 'rejected')
      if (!failed) return
      if (loaded.every((one) => one.status === 'rejected')) throw failed.reason
      // That one fails is known now: what the others have is the list.
      show()
    },
    held: () => heldOf(parts),
    wasFresh: () =>
      parts.some((part) => part.wasFresh()) &&
      parts.every((part) => part.wasFresh() || part.isFailing()),
    refreshes: {
      get done() {
        return parts.reduce((sum, { refreshes }) => sum + refreshes.done, 0)
      },
      get failed() {
        return parts.reduce((sum, { refreshes }) => sum + refreshes.failed, 0)
      },
    },
    close() {
      for (const part of parts) part.close()
    },
  }
}

/** Undefined while there is none: one that may be there is not held, or none is held at all. */
const merge = (
  sources: readonly ListSource[],
  parts: readonly FreshList[],
  snapshots: readonly (ListSnapshot | undefined)[],
  countMax: number,
): MergedSnapshot | undefined => {
  const [first, ...others] = snapshots
  if (first && others.length === 0)
    return { version: String(first.version), body: first.body, missing: [] }
  if (snapshots.some((snapshot, i) => !snapshot && parts[i]?.isFailing() !== true)) return undefined
  const held = snapshots.filter((snapshot) => snapshot !== undefined)
  if (held.length === 0) return undefined
  const isLong = held.some(isTooLong)
  return {
    // 0 is that of a shard that the map does not have yet. Without its todos, whyever, it is the same list.
    version: snapshots.map((snapshot) => snapshot?.version || 'none').join('.'),
    body: isLong ? Buffer.alloc(0) : mergeAll(held, countMax),
    missing: sources.flatMap(({ name = '' }, i) => (snapshots[i] ? [] : [name])),
  }
}

const mergeAll = (held: readonly ListSnapshot[], countMax: number): Buffer =>
  mergeSlices(
    held.map(({ body }) => ({ body, next: undefined })),
    countMax,
  ).body

/** The oldest of what is held. `version`: of the first part, whose name it is where it is the only one. */
export const heldOf = (parts: readonly Pick<FreshList, 'held' | 'isFailing'>[]): Held => {
  const all = parts.map((part) => part.held())
  const isMissing = all.some((one, i) => one.kind === 'empty' && parts[i]?.isFailing() !== true)
  const held = all.filter((one) => one.kind !== 'empty')
  const [first] = held
  if (!first || isMissing) return { kind: 'empty' }
  const isFresh = held.length === all.length && held.every(({ kind }) => kind === 'fresh')
  // What is fresh is true now, however long ago it was read.
  const stale = held.filter(({ kind }) => kind === 'stale')
  const asOfMs = Math.min(...(stale.length > 0 ? stale : held).map((one) => one.asOfMs))
  return { kind: isFresh ? 'fresh' : 'stale', version: first.version, asOfMs }
}
