// One batch, one transaction: the offset, the publishers' numbers, the rows and the dead letters are
// stored together or not at all.

import type { CreateTodo } from '../../lib/domain/command.ts'
import {
  storeErrorKind,
  type Advance,
  type DeadLetter,
  type KeptOutcome,
  type LeftEvent,
  type LogName,
  type Numbers,
  type OutboxSlot,
  type PublisherAdvance,
  type StoreTransaction,
  type TodoStore,
} from '../../lib/todo-store/todo-store.ts'
import { isPublic, type Command } from '../../lib/domain/command.ts'
import type { PageOwner } from '../../lib/domain/page.ts'
import { lockAccess, lockUnexpected, type Access } from './access.ts'
import { eventsOf, eventsOfCreations } from '../events/bodies.ts'
import { fold, pagesOf, type Effect } from './fold.ts'
import { freshOf, type Fresh, type FreshCommand, type ReadRecord } from './fresh.ts'

export type Batch = {
  readonly log: LogName
  readonly partition: number
  /** At least one, contiguous, the first at the offset that the store is thought to expect. */
  readonly records: readonly ReadRecord[]
  /** What the store is thought to know of their publishers; 0 of those that are not in it. */
  readonly numbers: Numbers
  /** Undefined: nobody is told. */
  readonly outbox?: OutboxSlot | undefined
  /** Undefined: all of it is for this store. */
  readonly part?: BatchPart | undefined
}

/** What of a batch is for the store that it is applied to, where some is for another. */
export type BatchPart = {
  readonly has: (todoId: string) => boolean
  /** By what is known of that: see positionOf() of the store. */
  readonly moves: number
  /** What does not decode is dealt with there. */
  readonly isHome: boolean
}

export type ApplyResult =
  | ({ readonly kind: 'applied'; readonly numbers: readonly PublisherAdvance[] } & Effects)
  /** The store expects something else: these records, or some of them, are not ours to apply. */
  | { readonly kind: 'fenced' }

/** What became of a batch's commands. */
export type Effects = {
  readonly effects: readonly Effect[]
  /** Commands that took effect, or were refused, before: another record of the same command. */
  readonly duplicates: number
  /** The new version of each owner's pages that changed. */
  readonly pages: ReadonlyMap<PageOwner, number>
  readonly letters: readonly Letter[]
  /** What was left in the outbox. */
  readonly events: readonly LeftEvent[]
}

/** Without a command: it did not decode, but may have said which request it comes from. */
export type Letter = DeadLetter & { readonly command?: Command; readonly requestId?: string }

/** For those who watch. A batch whose COMMIT was lost and settled later is not reported. */
export type AppliedBatch = Effects & {
  readonly partition: number
  /** Where it was applied, if not in the partition's home. */
  readonly shard?: string
  /** Counted once, in the partition's home. */
  readonly records: number
  /** What its transaction took. */
  readonly seconds: number
}

/** Rejects when the store does not answer: its stored position then shows whether it was applied. */
export const applyBatch = async (store: TodoStore, batch: Batch): Promise<ApplyResult> => {
  const fresh = freshIn(batch)
  for (const apply of [applyCreations, applyTogether]) {
    try {
      const result = await apply(store, batch, fresh)
      if (result) return result
    } catch (error) {
      // Nothing is changed. The data is refused, or a todo is there already: then with more care.
      if (storeErrorKind(error) !== 'command') throw error
    }
  }
  return applyOneByOne(store, batch, fresh)
}

/** The numbers are of all records everywhere: then they are the same wherever the offset is. */
const freshIn = ({ records, numbers, part }: Batch): Fresh => {
  const fresh = freshOf(records, numbers)
  if (!part) return fresh
  return {
    ...fresh,
    commands: fresh.commands.filter(({ command }) => part.has(command.todoId)),
    poison: part.isHome ? fresh.poison : [],
    duplicates: part.isHome ? fresh.duplicates : 0,
  }
}

type Apply = (store: TodoStore, batch: Batch, fresh: Fresh) => Promise<ApplyResult | undefined>

const none: ReadonlyMap<PageOwner, number> = new Map()

/** Most batches: one statement, if none of the todos is there. Undefined for one of other commands. */
const applyCreations: Apply = async (store, batch, fresh) => {
  const creations = onlyCreations(fresh)
  if (!creations) return undefined
  const { log, partition, outbox } = batch
  const advance = advanceOf(batch, fresh)
  const ours = await store.applyCreations(log, partition, advance, creations, outbox)
  if (!ours) return { kind: 'fenced' }
  const effects = creations.map((command) => ({
    command,
    outcome: 'applied' as const,
    completes: false,
  }))
  const { duplicates, numbers } = fresh
  const events = outbox ? eventsOfCreations(creations) : []
  return { kind: 'applied', effects, duplicates, numbers, pages: none, letters: [], events }
}

/** Undefined when there is anything else to do than to make public todos. */
const onlyCreations = ({ commands, poison }: Fresh): CreateTodo[] | undefined => {
  if (poison.length > 0 || commands.length === 0) return undefined
  const creations: CreateTodo[] = []
  for (const { command, hasRow } of commands) {
    if (command.kind !== 'create' || !isPublic(command) || hasRow) return undefined
    creations.push(command)
  }
  return creations
}

/** The statements of a step are sent at once: there are three steps, and COMMIT. */
const applyTogether: Apply = (store, batch, fresh) =>
  store.transaction(async (transaction) => {
    const { log, partition } = batch
    const begun = await begin(transaction, batch, fresh)
    if (!begun) return { kind: 'fenced' }
    const commands = begun.commands.map(({ command }) => command)
    const { changes, effects } = fold(begun.rows, commands, begun.access)
    const events = eventsFor(batch, effects, begun.shared)
    const [, , , pages] = await Promise.all([
      transaction.write(changes),
      transaction.recordOutcomes(outcomesToKeep(begun.commands, effects)),
      transaction.deadLetter(log, partition, fresh.poison),
      transaction.changePages(changedPages(effects)),
      leaveEvents(transaction, batch, events),
    ])
    return resultOf(fresh, effects, pages, fresh.poison, events)
  })

/** When the database refuses the data: those that it refuses are found, and set aside. */
const applyOneByOne = (store: TodoStore, batch: Batch, fresh: Fresh): Promise<ApplyResult> =>
  store.transaction(async (transaction) => {
    const { log, partition } = batch
    const begun = await begin(transaction, batch, fresh)
    if (!begun) return { kind: 'fenced' }
    const effects: Effect[] = []
    const letters = [...fresh.poison]
    for (const one of begun.commands) {
      try {
        effects.push(await applyAlone(transaction, one, begun.access))
      } catch (error) {
        if (storeErrorKind(error) !== 'command') throw error
        const { offset, value } = one.record
        const reason = (error as Error).message
        letters.push({ offset, record: value, reason, command: one.command })
      }
    }
    await transaction.deadLetter(log, partition, letters)
    const events = eventsFor(batch, effects, begun.shared)
    await leaveEvents(transaction, batch, events)
    const pages = await transaction.changePages(changedPages(effects))
    return resultOf(fresh, effects, pages, letters, events)
  })

const eventsFor = (
  { outbox }: Batch,
  effects: readonly Effect[],
  shared: ReadonlySet<string>,
): readonly LeftEvent[] => (outbox ? eventsOf(effects, shared) : [])

const leaveEvents = async (
  transaction: StoreTransaction,
  { outbox }: Batch,
  events: readonly LeftEvent[],
): Promise<void> => {
  if (outbox && events.length > 0) await transaction.leaveEvents(outbox, events)
}

/** Undefined when the batch is not ours to apply. */
const begin = async (transaction: StoreTransaction, batch: Batch, fresh: Fresh) => {
  const { log, partition } = batch
  const listsMayChange = fresh.commands.some(({ command }) => isPublic(command))
  const todoIds = new Set(fresh.commands.map(({ command }) => command.todoId))
  const commandIds = fresh.commands.flatMap(({ command, hasRow }) =>
    hasRow ? [command.commandId] : [],
  )
  const [ours, applied, access, rows, shared] = await Promise.all([
    // First, because it takes the partition's row lock: from here on nobody else applies it.
    transaction.advanceOffset(log, partition, advanceOf(batch, fresh), listsMayChange),
    transaction.alreadyApplied(commandIds),
    lockAccess(
      transaction,
      fresh.commands.map(({ command }) => command),
    ),
    transaction.lockTodos([...todoIds]),
    transaction.sharedTodos(batch.outbox ? maybeShared(fresh) : []),
  ])
  if (!ours) return undefined
  const commands = fresh.commands.filter(
    ({ command, hasRow }) => !hasRow || !applied.has(command.commandId),
  )
  const written = commands.map(({ command }) => command)
  return {
    commands,
    access: await lockUnexpected(transaction, written, rows, access),
    rows,
    shared,
  }
}

/** Public todos and those of teams never are: they cost nothing here. */
const maybeShared = ({ commands }: Fresh): string[] => [
  ...new Set(
    commands.flatMap(({ command: { kind, isPersonal, teamId, todoId } }) =>
      kind !== 'create' && isPersonal && teamId === undefined ? [todoId] : [],
    ),
  ),
]

const applyAlone = (
  transaction: StoreTransaction,
  one: FreshCommand,
  access: Access,
): Promise<Effect> =>
  transaction.savepoint(async (inner) => {
    const { command } = one
    const { changes, effects } = fold(await inner.lockTodos([command.todoId]), [command], access)
    await inner.write(changes)
    await inner.recordOutcomes(outcomesToKeep([one], effects))
    return effects[0] as Effect
  })

const outcomesToKeep = (
  commands: readonly FreshCommand[],
  effects: readonly Effect[],
): KeptOutcome[] =>
  effects.flatMap(({ command: { commandId, todoId }, outcome }, i) =>
    commands[i]?.hasRow ? [{ commandId, todoId, outcome }] : [],
  )

const resultOf = (
  { commands, duplicates, poison, numbers }: Fresh,
  effects: readonly Effect[],
  pages: ReadonlyMap<PageOwner, number>,
  letters: readonly Letter[],
  events: readonly LeftEvent[],
): ApplyResult => {
  const refused = letters.length - poison.length
  const known = commands.length - effects.length - refused
  return {
    kind: 'applied',
    effects,
    duplicates: duplicates + known,
    numbers,
    pages,
    letters,
    events,
  }
}

const changedPages = (effects: readonly Effect[]): PageOwner[] => [
  ...new Set(effects.flatMap(({ todo }) => (todo && pagesOf(todo)) ?? [])),
]

const advanceOf = ({ records, part }: Batch, { numbers }: Fresh): Advance => {
  const [first, last] = [records[0], records.at(-1)]
  if (!first || !last) throw new Error('a batch has at least one record')
  return { expected: first.offset, next: last.offset + 1, moves: part?.moves ?? 0, numbers }
}
