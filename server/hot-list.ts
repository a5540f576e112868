// The ready-made replies to GET /todos and GET /todos?limit=N, made when a list changes, not when it
// is asked for.

import type { ListCache } from '../lib/list-cache/list-cache.ts'
import type { Log } from '../lib/log.ts'
import { newestCount, type TodoStore } from '../lib/todo-store/todo-store.ts'
import { createReply, type Reply } from './engines/engine.ts'
import { keepFresh, type FreshnessSettings, type Held } from './list-freshness.ts'
import { createListWindow, type ListWindow } from './list-window.ts'

export type HotLists = {
  /** The reply as it stands, or undefined when no list is held. */
  find(limit: number | 'all'): Reply | undefined
  /** For the request target as it came: `/todos` and `/todos?limit=1` to `1000`, spelled just so. */
  findByTarget(target: string): Reply | undefined
  /** Fetches a list that is not held; rejects when it can't be had. */
  load(limit: number | 'all'): Promise<Reply>
  held(): { readonly newest: Held; readonly all: Held }
  close(): void
}

type Parts = {
  readonly cache: ListCache
  readonly store: TodoStore
  readonly settings: FreshnessSettings
  readonly log: Log
}

/** What benchmarks and pages ask for: made at once when the list changes, the others when asked for. */
const usualLimits = [10, newestCount]

const limitOfTarget = new Map<string, number | 'all'>([
  ['/todos', 'all'],
  ...Array.from({ length: newestCount }, (_, i) => [`/todos?limit=${i + 1}`, i + 1] as const),
])

export const createHotLists = ({ cache, store, settings, log }: Parts): HotLists => {
  let newest: { window: ListWindow; version: number; replies: (Reply | undefined)[] } | undefined
  let all: Reply | undefined
  /** The whole list costs most to refresh: it is let go unless it was asked for since the last time. */
  let allWasAsked = false

  const findNewest = (limit: number): Reply | undefined =>
    newest &&
    (newest.replies[limit] ??= listReply(newest.version, limit, newest.window.prefix(limit)))

  const newestList = keepFresh({
    ...{ cache, store, settings, log },
    list: 'newest',
    isWanted: () => true,
    onList(snapshot) {
      newest = snapshot && {
        window: createListWindow(snapshot.body),
        version: snapshot.version,
        replies: [],
      }
      for (const limit of usualLimits) findNewest(limit)
    },
  })
  const allList = keepFresh({
    ...{ cache, store, settings, log },
    list: 'all',
    isWanted: () => allWasAsked,
    onList(snapshot) {
      all = snapshot && listReply(snapshot.version, 'all', snapshot.body)
      allWasAsked = false
    },
  })
  cache.watch((event) => {
    newestList.notice(event)
    allList.notice(event)
  })

  const find = (limit: number | 'all'): Reply | undefined => {
    if (limit !== 'all') return findNewest(limit)
    allWasAsked = true
    return all
  }

  return {
    find,
    findByTarget(target) {
      const limit = limitOfTarget.get(target)
      return limit === undefined ? undefined : find(limit)
    },
    async load(limit) {
      await (limit === 'all' ? allList : newestList).load()
      const reply = find(limit)
      if (!reply) throw new Error('it was lost again while it was loaded')
      return reply
    },
    held: () => ({ newest: newestList.held(), all: allList.held() }),
    close() {
      newestList.close()
      allList.close()
    },
  }
}

const listReply = (version: number, limit: number | 'all', body: Buffer): Reply =>
  createReply(
    200,
    [
      'Content-Type',
      'application/json',
      // Two lists of one version and limit are the same bytes, on every process and host.
      'ETag',
      `"${version}-${limit}"`,
      'Cache-Control',
      'no-cache',
    ],
    body,
  )
