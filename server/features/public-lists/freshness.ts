// Keeps one list in this process as fresh as notifications of changes allow. RFC 5861's terms: while a
// refresh is in flight the last list is served (stale-while-revalidate, bounded by the refresh's
// timeout), and while refreshes fail too (stale-if-error, bounded by a setting). While notifications
// can't be trusted (witness.ts says when), nor can the cache: the list is read from the store.

import type { CacheEvent, ListCache } from '../../../lib/list-cache/list-cache.ts'
import type { Log } from '../../../lib/runtime/log.ts'
import type { ListName, ListSnapshot } from '../../../lib/domain/list.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import { withTimeout } from '../../../lib/runtime/deadline.ts'

export type FreshnessSettings = {
  readonly ttlMs: number
  readonly refreshIntervalMs: number
  readonly refreshTimeoutMs: number
  readonly staleIfErrorMs: number
}

export type Held =
  | { readonly kind: 'empty' }
  /** Nothing has changed since: the cache would have said so. */
  | { readonly kind: 'fresh'; readonly version: number; readonly asOfMs: number }
  /** True as of `asOfMs`; being revalidated. */
  | { readonly kind: 'stale'; readonly version: number; readonly asOfMs: number }

export type FreshList = {
  /** `lost`: changes are not noticed from here on, until `restored`. */
  notice(event: CacheEvent): void
  /** Lets the list go if it is of this version: the store has never had it. */
  discard(version: number): void
  /** Resolves when the list is held, rejects with the error that keeps it from being so. */
  load(): Promise<void>
  held(): Held
  /** Whether it was fresh at any time: until then invalidations are unproven. */
  wasFresh(): boolean
  /** Whether the last attempt to refresh it failed. */
  isFailing(): boolean
  /** So far. */
  readonly refreshes: Refreshes
  close(): void
}

export type Refreshes = { done: number; failed: number }

export type FreshListParts = {
  readonly list: ListName
  readonly cache: ListCache
  readonly store: Pick<TodoStore, 'readList'>
  readonly settings: FreshnessSettings
  readonly log: Log
  /** Asked when a change is noticed: false lets the list go instead of refreshing it. */
  readonly isWanted: () => boolean
  /** The list to serve from now on; undefined when none may be served any more. */
  readonly onList: (snapshot: ListSnapshot | undefined) => void
}

/** While changes are not noticed, the store is asked this often. */
const blindPollMs = 1_000
const retryMs = 100
/**
 * Under constant writes a list is refreshed for half of the time at most, a long one for a quarter. With
 * a quarter for both, a refresh of the newest was followed by 45 ms in which nothing new was shown.
 */
const pausePerRefresh: Readonly<Record<ListName, number>> = { newest: 1, all: 3 }
const waitForFillerMs = 10
const checkAgeMs = 250

export const keepFresh = (parts: FreshListParts): FreshList => {
  const { list, cache, store, settings, log, isWanted, onList } = parts
  let held: Held = { kind: 'empty' }
  /** Raised by every event: what was requested before one can't count as fresh after it. */
  let epoch = 0
  /** `unproven`: at the start. What is read is true for then, but not known to stay so. */
  let trust: 'unproven' | 'verified' | 'unverified' = 'unproven'
  let wasFresh = false
  let isFailing = false
  const refreshes: Refreshes = { done: 0, failed: 0 }
  let closed = false
  let revalidating = false
  let wake = () => {}
  let loaders: { resolve: () => void; reject: (error: Error) => void }[] = []

  const revalidate = async () => {
    if (revalidating) return
    revalidating = true
    while (held.kind !== 'fresh' && !closed && (isWanted() || loaders.length > 0)) {
      const asked = { epoch, atMs: performance.now() }
      let tookMs = 0
      try {
        const read = await withTimeout(settings.refreshTimeoutMs, () =>
          readList(asked.atMs + settings.refreshTimeoutMs),
        )
        tookMs = performance.now() - asked.atMs
        const isUnchanged = asked.epoch === epoch
        isFailing = false
        adopt(read.snapshot, asked.atMs, read.isCurrent && trust === 'verified' && isUnchanged)
        refreshes.done++
        if (trust !== 'verified' && isUnchanged) await sleepUntilEvent(blindPollMs)
      } catch (error) {
        const reason = error instanceof Error ? error : new Error(String(error))
        refreshes.failed++
        isFailing = true
        log.warn({ list, reason: reason.message }, 'list not refreshed')
        settleLoaders(reason)
        await sleepUntilEvent(trust === 'unverified' ? blindPollMs : retryMs)
      }
      await sleep(Math.max(settings.refreshIntervalMs - tookMs, tookMs * pausePerRefresh[list]))
    }
    revalidating = false
    if (held.kind === 'stale' && !closed && !isWanted()) drop()
  }

  /** From the cache; on a miss from the store, for everybody; without the cache from the store. */
  const readList = async (
    deadlineMs: number,
  ): Promise<{ snapshot: ListSnapshot; isCurrent: boolean }> => {
    while (performance.now() < deadlineMs) {
      const answer =
        trust === 'unverified' ? undefined : await cache.get(list).catch(() => undefined)
      if (!answer) return { snapshot: await store.readList(list), isCurrent: true }
      if (answer.kind === 'wait') {
        await sleep(waitForFillerMs)
        continue
      }
      // An older one than is held: Redis came back from an old file, or a replica took its place.
      const isOld =
        answer.kind === 'hit' && held.kind !== 'empty' && answer.snapshot.version < held.version
      if (answer.kind === 'hit' && !isOld) return { snapshot: answer.snapshot, isCurrent: true }
      const snapshot = await store.readList(list)
      // A refused fill is still a newer list than none, but a change has overtaken it.
      const filled = await cache.fill(list, snapshot).catch(() => 'filled' as const)
      return { snapshot, isCurrent: filled === 'filled' }
    }
    throw new Error('another process is filling the cache and does not finish')
  }

  const adopt = (snapshot: ListSnapshot, asOfMs: number, isFresh: boolean) => {
    const { version } = snapshot
    if (held.kind !== 'empty' && version < held.version) {
      throw new Error(
        `the lists' version went back from ${held.version} to ${version}: if the database was restored, ` +
          "run UPDATE list_versions SET changes = extract(epoch FROM clock_timestamp()) * 1000000 WHERE log = '(born)'",
      )
    }
    const isNew = held.kind === 'empty' || version > held.version
    held = { kind: isFresh ? 'fresh' : 'stale', version, asOfMs }
    wasFresh ||= isFresh
    if (isNew) onList(snapshot)
    settleLoaders()
  }

  const drop = () => {
    held = { kind: 'empty' }
    onList(undefined)
  }

  const settleLoaders = (error?: Error) => {
    for (const { resolve, reject } of loaders) {
      if (error) reject(error)
      else resolve()
    }
    loaders = []
  }

  const sleepUntilEvent = (ms: number) =>
    Promise.race([sleep(ms), new Promise<void>((resolve) => (wake = resolve))])

  const expire = () => {
    if (held.kind !== 'empty') held = { ...held, kind: 'stale' }
    wake()
    void revalidate()
  }

  // Ages are checked here, so that a request never reads a clock.
  const ages = setInterval(() => {
    if (held.kind === 'empty') return
    const ageMs = performance.now() - held.asOfMs
    if (held.kind === 'fresh' && ageMs > settings.ttlMs) expire()
    if (held.kind === 'stale' && ageMs > settings.refreshTimeoutMs + settings.staleIfErrorMs) drop()
  }, checkAgeMs)

  return {
    notice(event) {
      epoch++
      if (event.kind === 'lost') trust = 'unverified'
      if (event.kind === 'restored') trust = 'verified'
      expire()
    },
    discard(version) {
      if (held.kind === 'empty' || held.version !== version) return
      epoch++
      drop()
      wake()
      void revalidate()
    },
    load() {
      if (held.kind !== 'empty') return Promise.resolve()
      const loaded = new Promise<void>((resolve, reject) => loaders.push({ resolve, reject }))
      void revalidate()
      return loaded
    },
    held: () => held,
    wasFresh: () => wasFresh,
    isFailing: () => isFailing,
    refreshes,
    close() {
      closed = true
      clearInterval(ages)
      settleLoaders(new Error('the server is stopping'))
    },
  }
}

const sleep = (ms: number): Promise<void> =>
  ms > 0 ? new Promise((resolve) => setTimeout(resolve, ms)) : Promise.resolve()
