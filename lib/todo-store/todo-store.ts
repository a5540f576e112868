// The seam to where todos live for good. The server reads lists from it; the worker changes it, one
// batch of commands in one transaction.

import type { LogRegistry } from '../domain/log-identity.ts'
import type { CommandOutcome } from '../domain/command.ts'
import type { ListName, ListSnapshot } from '../domain/list.ts'
import type { PageName, PageSnapshot, Range, Slice } from '../domain/page.ts'
import type { TodoRow } from '../domain/todo.ts'

export type DeadLetter = {
  readonly offset: number
  readonly reason: string
  readonly record: Buffer | null
}

export type TodoChanges = {
  readonly inserts: readonly TodoRow[]
  readonly updates: readonly TodoRow[]
  readonly deletes: readonly string[]
}

export interface TodoStore extends LogRegistry {
  readList(list: ListName): Promise<ListSnapshot>
  listVersion(): Promise<number>
  /** One that is public. */
  readTodo(id: string): Promise<TodoRow | undefined>
  readPersonalTodo(userId: string, id: string): Promise<TodoRow | undefined>
  readPersonalPage(page: PageName): Promise<PageSnapshot>
  /** Newest first. It costs the same wherever in the list it is. */
  readPublicSlice(range: Range): Promise<Slice>
  readPersonalSlice(userId: string, range: Range): Promise<Slice>
  /** Grows with every change to the user's personal todos; 0 before the first. */
  personalVersion(userId: string): Promise<number>
  /** Outcomes of those that were applied or refused. */
  outcomesOf(commandIds: readonly string[]): Promise<Map<string, CommandOutcome>>
  /** `other` when this user's key came with another fingerprint before. */
  claimIdempotencyKey(userId: string, key: string, fingerprint: Buffer): Promise<'ours' | 'other'>
  /** The next offset to apply in a partition; 0 when nothing of it was ever applied. */
  nextOffset(log: string, partition: number): Promise<number>
  /** Whether the record at this offset was found to be one that can never apply. */
  isDeadLetter(log: string, partition: number, offset: number): Promise<boolean>
  /** Runs `work` in one transaction, rolled back when it throws. */
  transaction<T>(work: (transaction: StoreTransaction) => Promise<T>): Promise<T>
  /** Forgets applied command ids and idempotency keys older than this; returns how many ids. */
  pruneAppliedCommands(olderThanSec: number): Promise<number>
  ping(): Promise<void>
  /** How many connections the database allows to users like us, in all. */
  connectionsAllowed(): Promise<number>
  close(): Promise<void>
}

/** A log's name can lead to another log than it did: see log-identity.ts. */
export type LogName = { readonly name: string; readonly identity: string }

export interface StoreTransaction {
  /**
   * False, with nothing changed, when the stored offset is not `expected` (any more), or belongs to
   * a log of another identity. The public lists' version grows only when they may change.
   */
  advanceOffset(
    log: LogName,
    partition: number,
    offsets: { readonly expected: number; readonly next: number },
    listsMayChange: boolean,
  ): Promise<boolean>
  /** Those of `commandIds` that were applied or refused before. */
  alreadyApplied(commandIds: readonly string[]): Promise<Set<string>>
  /** The rows of `ids` that exist, locked in id order until the end of the transaction. */
  lockTodos(ids: readonly string[]): Promise<Map<string, TodoRow>>
  write(changes: TodoChanges): Promise<void>
  recordOutcomes(outcomes: ReadonlyMap<string, CommandOutcome>): Promise<void>
  /** The new version of each of these users' pages. To be called last: it locks in user order. */
  changePersonalLists(userIds: readonly string[]): Promise<Map<string, number>>
  deadLetter(log: LogName, partition: number, letters: readonly DeadLetter[]): Promise<void>
  /** Runs `work`; when the data itself is refused, undoes just that. Not to be nested. */
  savepoint<T>(work: (inner: StoreTransaction) => Promise<T>): Promise<T>
}

/**
 * What an error from the store means for the batch that met it:
 * `command` - the data itself was refused (SQLSTATE 22 or 23), trying again cannot help;
 * `passing` - anything else: try again, for ever.
 */
export const storeErrorKind = (error: unknown): 'command' | 'passing' => {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^2[23]\w{3}$/.test(code) ? 'command' : 'passing'
}
