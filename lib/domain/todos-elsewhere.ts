// Personal todos that are in other databases than what is known of whom they are shared with.

import type { Todo } from './todo.ts'

export type TodosElsewhere = {
  /** Of a personal todo; undefined when there is none. */
  ownerOf(todoId: string): Promise<string | undefined>
  /** Waits for who writes the todo. Until `release`, whoever wants to write it waits. */
  lock(todoId: string): Promise<LockedTodo>
  /** Those that there are. */
  read(todoIds: readonly string[]): Promise<ReadonlyMap<string, Todo>>
}

export type LockedTodo = { readonly isThere: boolean; release(): Promise<void> }
