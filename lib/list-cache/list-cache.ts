// The seam between the worker, which changes todos, and the server processes, which hold lists in
// memory: a place where a list is read once from the store for all of them, and the word that it
// has changed.

import type { ListName, ListSnapshot } from '../todo-store/todo-store.ts'

export type CacheAnswer =
  | { readonly kind: 'hit'; readonly snapshot: ListSnapshot }
  /** Not there: the caller is the one who reads it from the store and fills it in. */
  | { readonly kind: 'fill' }
  /** Not there, and somebody else is filling it in: ask again shortly. */
  | { readonly kind: 'wait' }

export type CacheEvent =
  /** The lists have changed (or may have: the cache was emptied). */
  | { readonly kind: 'changed' }
  /** Changes may go unnoticed from here on. */
  | { readonly kind: 'lost' }
  /** Changes are noticed again, and that was proven; those since `lost` were missed. */
  | { readonly kind: 'restored' }

export interface ListCache {
  get(list: ListName): Promise<CacheAnswer>
  /** `refused` when the lists have changed since the snapshot was read: it must not be believed. */
  fill(list: ListName, snapshot: ListSnapshot): Promise<'filled' | 'refused'>
  /** Tells everybody that `version` is there, unless they know of it or of a later one. */
  announce(version: number): Promise<void>
  /** To be called once. Begins with `restored` as soon as changes are noticed. */
  watch(onEvent: (event: CacheEvent) => void): void
  ping(): Promise<void>
  close(): Promise<void>
}
