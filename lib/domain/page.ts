// A page of a user's personal todos.

import type { ListSnapshot } from './list.ts'

/** One page of a user's personal todos, of those that there are in all. */
export type PageName = {
  readonly userId: string
  readonly limit: number
  /** From 1. */
  readonly page: number
}
export type PageSnapshot = ListSnapshot & { readonly total: number }
