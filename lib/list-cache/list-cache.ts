// The seam between the worker, which changes todos, and the server processes, which hold lists in
// memory. It is a place where a list is read once from the store for all of them, and the
// notification that it has changed.

import type { ListName, ListSnapshot } from '../domain/list.ts'

export type CacheAnswer =
  | { readonly kind: 'hit'; readonly snapshot: ListSnapshot }
  /** Not there: the caller is the one who reads it from the store and fills it in. */
  | { readonly kind: 'fill' }
  /** Not there, and somebody else is filling it in: ask again shortly. */
  | { readonly kind: 'wait' }

export type CacheEvent =
  /** The lists have changed (or may have: the cache was emptied). */
  | { readonly kind: 'changed' }
  /** Changes may go unnoticed from here on, and the cache may hold what is out of date. */
  | { readonly kind: 'lost'; readonly reason: string }
  /** Changes are noticed again, and that was proven; those since `lost` were missed. */
  | { readonly kind: 'restored' }

export interface ListCache {
  get(list: ListName): Promise<CacheAnswer>
  /** `refused` when the lists have changed since the snapshot was read: it must not be believed. */
  fill(list: ListName, snapshot: ListSnapshot): Promise<'filled' | 'refused'>
  /**
   * Tells everybody that `version` is there, unless they know of it or of a later one. Resolves with
   * the version that is known then: a later one than the store has is not of this database.
   */
  announce(version: number): Promise<number>
  /** The latest version that was announced; below 0 when none is known. */
  known(): Promise<number>
  /** If `known` is still what is known, `version` is known in its place and every list is dropped. */
  overrule(known: number, version: number): Promise<void>
  /** To be called once. Begins with `restored` as soon as changes are noticed, or with `lost`. */
  watch(onEvent: (event: CacheEvent) => void): void
  /** New connections: the open ones may lead to another server than the one that is announced to. */
  reconnect(): void
  /** Rejects with what keeps the cache from taking an announcement. */
  ping(): Promise<void>
  close(): Promise<void>
}
