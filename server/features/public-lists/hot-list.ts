// The lists in memory, as replies: made when a list changes or is first asked for, not per request.

import type { Log } from '../../../lib/runtime/log.ts'
import { newestCount } from '../../../lib/domain/list.ts'
import { versionPrefix } from '../../http/contract/endpoint.ts'
import type { ReadySource } from '../../http/engines/engine.ts'
import { chooseEncoding, etagMatches, type EncodingChoice } from '../../http/encodings.ts'
import type { FreshnessSettings, Held, Refreshes } from './freshness.ts'
import { keepMerged, type ListSource, type MergedSnapshot } from './merged-list.ts'
import { createListWindow, type ListWindow } from './window.ts'
import { createListWitness, type ListWitness, type Trust } from './witness.ts'
import { createReadyReplies, type Ready, type ReadyTallies } from './ready-replies.ts'

/** 1 to 1,000, or every todo there is. */
export type Limit = number | 'all'

export type HotLists = {
  /** Replies to this list in the form that the request's headers ask for, as it is at the time. */
  source(limit: Limit, acceptEncoding?: string, ifNoneMatch?: string): ReadySource
  /** For a target spelled `/todos` or `/todos?limit=N`, with a version or not; undefined for any other. */
  sourceOfTarget(
    target: string,
    acceptEncoding?: string,
    ifNoneMatch?: string,
  ): ReadySource | undefined
  /** For a client that refuses identity: resolves when its source may have a reply, or never will. */
  compressed(limit: Limit, acceptEncoding: string | undefined): Promise<void>
  /** Fetches a list that is not held; rejects when it can't be had. */
  load(limit: Limit): Promise<void>
  /** Whether all todos are more than may be held: there is no ready reply. As of the last `load`. */
  isAllTooLong(): boolean
  held(): { readonly newest: Held; readonly all: Held }
  /** Whether the newest were fresh at any time. */
  wereFresh(): boolean
  /** Shards whose todos are not in the newest, because they do not answer. */
  missing(): readonly string[]
  /** Whether changes to the lists would be noticed. */
  trust(): Trust
  readonly counts: ListCounts
  close(): void
}

/** So far, in this process. */
export type ListCounts = {
  /** Answered with ready bytes, by the engine alone. */
  readonly ready: ReadyTallies
  /** Raised by the handler of what the engine leaves to it: odd queries, HEAD, lists not held. */
  readonly handled: { hits: number; misses: number }
  readonly refreshes: { readonly newest: Refreshes; readonly all: Refreshes }
}

type Parts = {
  /** One, or one for each shard. */
  readonly sources: readonly ListSource[]
  readonly settings: FreshnessSettings & { readonly memoryBytesMax: number }
  /** Headers of every reply, besides its own. */
  readonly headers?: readonly string[]
  readonly log: Log
}

const identity = chooseEncoding(undefined)

/** What benchmarks and pages ask for: made at once when the list changes. */
const usualLimits = [10, newestCount]

const limitOfTarget = new Map<string, Limit>(
  [versionPrefix, ''].flatMap((version) => [
    [`${version}/todos`, 'all'] as const,
    [`${version}/todos?`, 'all'] as const, // uWebSockets.js does not distinguish them
    ...Array.from(
      { length: newestCount },
      (_, i) => [`${version}/todos?limit=${i + 1}`, i + 1] as const,
    ),
  ]),
)

export const createHotLists = ({ sources, settings, headers, log }: Parts): HotLists => {
  const replies = createReadyReplies(settings.memoryBytesMax, headers)
  let newest:
    | { window: ListWindow; version: string; bytes: number; missing: readonly string[] }
    | undefined
  let all: MergedSnapshot | undefined
  let isAllTooLong = false
  /** The whole list costs most to refresh: it is let go unless it was asked for since the last time. */
  let allWasAsked = false

  const countLists = () => replies.setListBytes((newest?.bytes ?? 0) + (all?.body.length ?? 0))

  const newestList = keepMerged({
    sources,
    settings,
    log,
    list: 'newest',
    isWanted: () => true,
    onList(snapshot) {
      newest = snapshot && {
        window: createListWindow(snapshot.body),
        version: snapshot.version,
        bytes: snapshot.body.length,
        missing: snapshot.missing,
      }
      replies.forget((limit) => limit > 0)
      countLists()
      for (const limit of usualLimits) find(limit, identity)
    },
  })
  const allList = keepMerged({
    sources,
    settings,
    log,
    list: 'all',
    isWanted: () => allWasAsked,
    onList(snapshot) {
      isAllTooLong = snapshot?.body.length === 0
      all = isAllTooLong ? undefined : snapshot
      replies.forget((limit) => limit === 0)
      countLists()
      allWasAsked = false
    },
  })
  const witnesses = sources.map(({ cache, store }, i) => {
    const lists = [newestList, allList].flatMap(({ parts }) => parts.slice(i, i + 1))
    return createListWitness({ cache, store, lists, log })
  })

  const find = (limit: Limit, choice: EncodingChoice): Ready | undefined => {
    if (limit === 'all') {
      allWasAsked = true
      return all && findAs(choice, 0, all.version, bodyOfAll)
    }
    return newest && findAs(choice, limit, newest.version, bodyOfNewest)
  }
  const findAs = (
    { encoding, isIdentityRefused }: EncodingChoice,
    limit: number,
    version: string,
    bodyOf: Parameters<typeof replies.find>[3],
  ): Ready | undefined => {
    if (encoding === undefined) return undefined
    return isIdentityRefused && encoding !== 'identity'
      ? replies.findCompressed(limit, encoding, version, bodyOf)
      : replies.find(limit, encoding, version, bodyOf)
  }
  const bodyOfAll = () => all as MergedSnapshot
  const bodyOfNewest = (limit: number) => {
    const { window, missing } = newest as NonNullable<typeof newest>
    return { ...window.prefix(limit), missing }
  }

  /** For clients that ask for nothing special: made once, so that their requests make nothing. */
  const plainSources = new Map<Limit, ReadySource>()
  const plainSource = (limit: Limit): ReadySource => {
    const known = plainSources.get(limit)
    if (known) return known
    const made = () => find(limit, identity)?.reply
    plainSources.set(limit, made)
    return made
  }

  const source = (limit: Limit, acceptEncoding?: string, ifNoneMatch?: string): ReadySource => {
    if (acceptEncoding === undefined && ifNoneMatch === undefined) return plainSource(limit)
    const choice = chooseEncoding(acceptEncoding)
    if (ifNoneMatch === undefined) return () => find(limit, choice)?.reply
    return () => {
      const ready = find(limit, choice)
      return ready && (etagMatches(ifNoneMatch, ready.etag) ? ready.notModified : ready.reply)
    }
  }

  return {
    source,
    sourceOfTarget(target, acceptEncoding, ifNoneMatch) {
      const limit = limitOfTarget.get(target)
      return limit === undefined ? undefined : source(limit, acceptEncoding, ifNoneMatch)
    },
    compressed(limit, acceptEncoding) {
      const { encoding } = chooseEncoding(acceptEncoding)
      if (encoding === undefined || encoding === 'identity') return Promise.resolve()
      return replies.settled(limit === 'all' ? 0 : limit, encoding)
    },
    load: (limit) => (limit === 'all' ? allList : newestList).load(),
    isAllTooLong: () => isAllTooLong,
    held: () => ({ newest: newestList.held(), all: allList.held() }),
    wereFresh: newestList.wasFresh,
    missing: () => newest?.missing ?? [],
    trust: () => trustOf(sources, witnesses),
    counts: {
      ready: replies.tallies,
      handled: { hits: 0, misses: 0 },
      refreshes: { newest: newestList.refreshes, all: allList.refreshes },
    },
    close() {
      for (const witness of witnesses) witness.close()
      newestList.close()
      allList.close()
    },
  }
}

/** The least of all. */
const trustOf = (sources: readonly ListSource[], witnesses: readonly ListWitness[]): Trust => {
  let least: Trust = { kind: 'verified' }
  for (const [i, witness] of witnesses.entries()) {
    const trust = witness.trust()
    const { name } = sources[i] as ListSource
    if (trust.kind === 'unverified') {
      return name === undefined ? trust : { ...trust, reason: `shard ${name}: ${trust.reason}` }
    }
    if (trust.kind === 'unproven') least = trust
  }
  return least
}
