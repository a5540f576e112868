// The seam to where todos live for good. The server reads lists from it; the worker changes it, one
// batch of commands in one transaction.

import type { ChannelName } from '../domain/event.ts'
import type { LogRegistry } from '../domain/log-identity.ts'
import type { CommandOutcome, CreateTodo } from '../domain/command.ts'
import type { ListName, ListSnapshot } from '../domain/list.ts'
import type { MustSee } from '../domain/must-see.ts'
import type { OwnedSlice, PageName, PageOwner, PageRead, Range, Slice } from '../domain/page.ts'
import type { PersonalStanding, ShareRole } from '../domain/share.ts'
import type { Membership, TeamRole } from '../domain/team.ts'
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

/** A personal todo, as who reads it may. */
export type PersonalTodo = {
  readonly row: TodoRow
  readonly standing: PersonalStanding
  /** Of its list, where that is the reader's own. */
  readonly version: number | undefined
}

/** One of a team's, and the version of its list. */
export type TeamTodo = { readonly row: TodoRow; readonly version: number }

/**
 * `mustSee`, where a read takes it: what the reader must see, on whatever server that is. Without it one
 * todo is read on the primary, and a list with all that is committed.
 */
export type KeyClaim =
  | 'ours'
  /** It may have made an id before, when all was in one database: the same one again. */
  | 'ours-without-bucket'
  /** This user's key came with another fingerprint before. */
  | 'other'

export interface TodoStore extends LogRegistry {
  readList(list: ListName): Promise<ListSnapshot>
  listVersion(): Promise<number>
  /** One that is public: with `mustSee`, whatever it names, as of all that is committed. */
  readTodo(id: string, mustSee?: MustSee): Promise<TodoRow | undefined>
  /** One that somebody owns, or that is shared with him. `mustSee`: of his own. */
  readPersonalTodo(userId: string, id: string, mustSee?: MustSee): Promise<PersonalTodo | undefined>
  /**
   * Undefined also when `userId` is not in the team. With `mustSee` that is not asked: he was found to be in
   * it just now.
   */
  readTeamTodo(
    teamId: string,
    userId: string,
    id: string,
    mustSee?: MustSee,
  ): Promise<TeamTodo | undefined>
  /** Of any todo; 0 of one that is not there. */
  revisionOf(id: string): Promise<number>
  readPage(page: PageName, mustSee?: MustSee): Promise<PageRead>
  /** Newest first. It costs the same wherever in the list it is. */
  readPublicSlice(range: Range): Promise<Slice>
  readPersonalSlice(userId: string, range: Range, mustSee?: MustSee): Promise<OwnedSlice>
  readTeamSlice(teamId: string, range: Range, mustSee?: MustSee): Promise<OwnedSlice>
  /** Grows with every change to the owner's todos; 0 before the first. One question for all who ask meanwhile. */
  pagesVersion(owner: PageOwner): Promise<number>
  /** Outcomes of those that were applied or refused. */
  outcomesOf(commandIds: readonly string[]): Promise<Map<string, CommandOutcome>>
  claimIdempotencyKey(userId: string, key: string, fingerprint: Buffer): Promise<KeyClaim>
  /** The next offset to apply in a partition; 0 when nothing of it was ever applied. */
  nextOffset(log: string, partition: number): Promise<number>
  /** The same, and which buckets of the partition are in another shard from there on. */
  positionOf(log: string, partition: number): Promise<Position>
  /**
   * The highest number of each publisher that was dealt with in a partition: applied, refused or set
   * aside. 0 of one that was never heard of.
   */
  numbersOf(log: string, partition: number, publishers: readonly string[]): Promise<Numbers>
  /** Whether the record at this offset was found to be one that can never apply. */
  isDeadLetter(log: string, partition: number, offset: number): Promise<boolean>
  /** Runs `work` in one transaction, rolled back when it throws. */
  transaction<T>(work: (transaction: StoreTransaction) => Promise<T>): Promise<T>
  /**
   * A batch that does nothing but make public todos, in one statement: it advances the offset and writes
   * the rows. False as advanceOffset() is. Rejects, and nothing is changed, when one is there already.
   */
  applyCreations(
    log: LogName,
    partition: number,
    advance: Advance,
    creations: readonly CreateTodo[],
    outbox?: OutboxSlot,
  ): Promise<boolean>
  /** What is left of this source, in order, from the first on: so many at most. */
  readOutbox(source: string, rowsMax: number, eventOf: CreatedEvent): Promise<OutboxRow[]>
  /** Sources that have had something left for so long, or of which nobody else appends anything. */
  outboxSources(olderThanSec: number): Promise<string[]>
  /** Forgets what was appended. */
  clearOutbox(source: string, appended: number): Promise<void>
  /**
   * Forgets outcomes and idempotency keys older than this, and publishers that were not heard of for as
   * long; returns how many outcomes.
   */
  prune(olderThanSec: number): Promise<number>
  ping(): Promise<void>
  /** How many connections the database allows to users like us, in all. */
  connectionsAllowed(): Promise<number>
  close(): Promise<void>
}

/** What a server asks, wherever todos are. Public lists as a whole, and transactions, are of one database. */
export type ReadingStore = Omit<
  TodoStore,
  'readList' | 'listVersion' | 'transaction' | 'applyCreations' | 'readPublicSlice'
> & {
  /** Of those databases that answer. Rejects when none does. */
  readPublicSlice(range: Range): Promise<PartialSlice>
}

/** `missing`: shards whose todos are not in it. */
export type PartialSlice = Slice & { readonly missing?: readonly string[] }

/** A log's name can lead to another log than it did: see log-identity.ts. */
export type LogName = { readonly name: string; readonly identity: string }

/** By publisher. */
export type Numbers = ReadonlyMap<string, number>

export type Position = {
  readonly nextOffset: number
  /** Has changed when `elsewhere` has. */
  readonly moves: number
  /** By bucket. */
  readonly elsewhere: ReadonlyMap<number, string>
}

/** Where a partition is, and where it is after a batch. */
export type Advance = {
  readonly expected: number
  readonly next: number
  /** As positionOf() said; 0 without. */
  readonly moves?: number
  readonly numbers: readonly PublisherAdvance[]
}
export type PublisherAdvance = {
  readonly publisher: string
  readonly expected: number
  readonly next: number
}

/** The todo's bucket says where it belongs. */
export type KeptOutcome = {
  readonly commandId: string
  readonly todoId: string
  readonly outcome: CommandOutcome
}

export type Member = Membership & { readonly role: TeamRole }

/** Who wants to change a personal todo of somebody else. */
export type Asked = { readonly todoId: string; readonly userId: string }
/** With a user, or with a team. */
export type LockedShare = {
  readonly todoId: string
  readonly role: ShareRole
  readonly userId: string | null
  readonly teamId: string | null
}

/** Where a batch leaves its events until they are appended. */
export type OutboxSlot = {
  readonly source: string
  /** The batch's own: grows with each of a source. */
  readonly number: number
  /** What is left up to here was appended: it is forgotten. */
  readonly appended: number
  /** There are too many: only that there were some is left, and what was left before is forgotten. */
  readonly isFull: boolean
}
/** `too-many`: nobody knows which they were. */
export type OutboxRow = {
  readonly number: number
  readonly events: readonly LeftEvent[] | 'too-many'
}
export type LeftEvent = { readonly channel: ChannelName; readonly body: string | undefined }
/** Makes the event that a batch of creations would have told of a todo; undefined: it is deleted. */
export type CreatedEvent = (todo: TodoRow | undefined) => LeftEvent

export interface StoreTransaction {
  /**
   * False, with nothing changed, when the stored position is not the expected one (any more), or belongs
   * to a log of another identity. The public lists' version grows only when they may change.
   */
  advanceOffset(
    log: LogName,
    partition: number,
    advance: Advance,
    listsMayChange: boolean,
  ): Promise<boolean>
  /** Those of `commandIds` whose outcome is kept. */
  alreadyApplied(commandIds: readonly string[]): Promise<Set<string>>
  /**
   * Those of `memberships` that there are, and those by which a todo that is asked for may be shared.
   * Locked until the end of the transaction: until then none of them ends. To be called before
   * lockTodos(): who ends one has its row first, then those of shares, then those of todos.
   */
  lockMemberships(
    memberships: readonly Membership[],
    asked: readonly Asked[],
  ): Promise<readonly Member[]>
  /** By which those who ask may have a role, locked in the same way. To be called in between. */
  lockShares(asked: readonly Asked[]): Promise<readonly LockedShare[]>
  /** The rows of `ids` that exist, locked in id order until the end of the transaction. */
  lockTodos(ids: readonly string[]): Promise<Map<string, TodoRow>>
  /** Those that are shared with somebody. After lockTodos(): who shares one then waits for us. */
  sharedTodos(ids: readonly string[]): Promise<ReadonlySet<string>>
  write(changes: TodoChanges): Promise<void>
  recordOutcomes(outcomes: readonly KeptOutcome[]): Promise<void>
  /** The new version of each owner's pages. To be called last: it locks in order, users before teams. */
  changePages(owners: readonly PageOwner[]): Promise<Map<PageOwner, number>>
  /** To be appended after the transaction. */
  leaveEvents(outbox: OutboxSlot, events: readonly LeftEvent[]): Promise<void>
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
