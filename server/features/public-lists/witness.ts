// Whether changes to the lists are noticed in this process. The cache proves that it takes
// announcements and that they arrive here. Postgres, asked for the lists' version once a second, is
// the independent witness that they were made at all. The worker may talk to another Redis, or to
// none.

import { setImmediate as turn } from 'node:timers/promises'
import type { CacheEvent, ListCache } from '../../../lib/list-cache/list-cache.ts'
import type { Log } from '../../../lib/runtime/log.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import type { FreshList } from './freshness.ts'

export type Trust =
  /** At the start, before the first proof or the first failure. */
  | { readonly kind: 'unproven' }
  | { readonly kind: 'verified' }
  /** Lists are read from Postgres once a second until changes are noticed again. */
  | { readonly kind: 'unverified'; readonly reason: string; readonly sinceMs: number }

export type ListWitness = {
  trust(): Trust
  close(): void
}

type Parts = {
  readonly cache: Pick<ListCache, 'known' | 'overrule' | 'reconnect' | 'watch'>
  readonly store: Pick<TodoStore, 'listVersion'>
  readonly lists: readonly Pick<FreshList, 'held' | 'notice' | 'discard'>[]
  readonly log: Log
}

const pollMs = 1_000
/** From a version in Postgres to its announcement it takes milliseconds. With a poll: within 2 s. */
const announcementMaxMs = 700
/** While announcements are missed, this process may be the one that talks to the wrong server. */
const pollsPerReconnect = 5
/** A cache that says nothing at all at the start has proven nothing. */
const firstProofMaxMs = 2_000

export const createListWitness = ({ cache, store, lists, log }: Parts): ListWitness => {
  let trust: Trust = { kind: 'unproven' }
  let isProven = false
  /** What the cache itself says against it. */
  let lostReason: string | undefined
  /** What Postgres says against it. */
  let doubt: { readonly version: number; readonly reason: string } | undefined
  let doubtfulPolls = 0
  /** The highest that this process has seen in Postgres. */
  let storeMax = -1
  let closed = false

  const judge = () => {
    const reason = lostReason ?? doubt?.reason
    if (closed) return
    if (reason !== undefined) distrust(reason)
    else if (isProven && trust.kind !== 'verified') believe()
  }

  const distrust = (reason: string) => {
    if (trust.kind === 'unverified') {
      trust = { ...trust, reason }
      return
    }
    trust = { kind: 'unverified', reason, sinceMs: performance.now() }
    log.warn({ reason }, 'list invalidations unavailable, lists are read from Postgres')
    notify({ kind: 'lost', reason })
  }

  const believe = () => {
    if (trust.kind === 'unverified') {
      const seconds = Math.round((performance.now() - trust.sinceMs) / 1_000)
      log.info({ seconds }, 'list invalidations available again')
    }
    trust = { kind: 'verified' }
    notify({ kind: 'restored' })
  }

  const notify = (event: CacheEvent) => {
    for (const list of lists) list.notice(event)
  }

  cache.watch((event) => {
    switch (event.kind) {
      case 'changed':
        // While unverified, lists are read at their own pace, not at that of changes.
        if (trust.kind !== 'unverified') notify(event)
        return
      case 'lost':
        lostReason = event.reason
        break
      case 'restored':
        isProven = true
        lostReason = undefined
        // What this process noticed up to here says nothing about what it has missed.
        if (trust.kind === 'verified') notify(event)
    }
    judge()
  })
  const firstProof = setTimeout(() => {
    if (trust.kind !== 'unproven') return
    lostReason = 'invalidations are not verified yet'
    judge()
  }, firstProofMaxMs)

  const poll = async () => {
    // Read before Postgres is: it has reached every version that comes from it.
    const heldBefore = lists.map((list) => list.held())
    const known = await cache.known().catch(() => undefined)
    const version = await store.listVersion()

    if (known !== undefined && known > version) await overrule(known, version)
    for (const [i, held] of heldBefore.entries()) {
      // Never seen in Postgres: of another database.
      if (held.kind !== 'empty' && held.version > Math.max(version, storeMax))
        lists[i]?.discard(held.version)
    }
    storeMax = Math.max(storeMax, version)

    if (doubt && (known ?? -1) >= doubt.version && version >= storeMax) doubt = undefined
    if (!doubt) doubtfulPolls = 0
    else if (doubtfulPolls++ % pollsPerReconnect === 0) cache.reconnect()
    const wentBack = heldBefore.some((held) => held.kind === 'fresh' && held.version > version)
    if (wentBack && version < storeMax) {
      const reason = `the database's version of the lists went back from ${storeMax} to ${version}`
      doubt = { version: storeMax, reason }
    } else if (isBehind(version)) {
      await delay(announcementMaxMs)
      // A loop that was held up reads what has arrived meanwhile first.
      await turn()
      const reason = `version ${version} of the lists is in Postgres and was not announced`
      if (isBehind(version)) doubt = { version, reason }
    }
    judge()
  }

  const isBehind = (version: number) =>
    lists.some((list) => {
      const held = list.held()
      return held.kind === 'fresh' && held.version < version
    })

  const overrule = async (known: number, version: number) => {
    log.warn(
      { known, version },
      'the list cache has a version newer than the database: overwritten',
    )
    await cache.overrule(known, version).catch(() => {})
  }

  const goOn = async () => {
    while (!closed) {
      // Without Postgres nothing changes, and there is nothing to witness.
      await poll().catch(() => {})
      await delay(pollMs)
    }
  }
  void goOn()

  return {
    trust: () => trust,
    close() {
      closed = true
      clearTimeout(firstProof)
    },
  }
}

const delay = (ms: number) =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, ms).unref()
  })
