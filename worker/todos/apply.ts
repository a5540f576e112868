// One batch, one transaction: the offset, the command ids, the rows and the dead letters are
// stored together or not at all.

import { decodeCommand, type Command } from '../../lib/domain/command.ts'
import type { LogRecord } from '../../lib/command-log/command-log.ts'
import {
  storeErrorKind,
  type DeadLetter,
  type LogName,
  type StoreTransaction,
  type TodoStore,
} from '../../lib/todo-store/todo-store.ts'
import type { CommandOutcome } from '../../lib/domain/command.ts'
import { fold } from './fold.ts'

export type Batch = {
  readonly log: LogName
  readonly partition: number
  /** At least one, contiguous, the first at the offset that the store is thought to expect. */
  readonly records: readonly LogRecord[]
}

export type ApplyResult =
  | ({ readonly kind: 'applied' } & Effects)
  /** The store expects another offset: these records, or some of them, are not ours to apply. */
  | { readonly kind: 'fenced' }

export type Effect = {
  readonly command: Command
  readonly outcome: CommandOutcome
  /** It made an open todo a completed one. */
  readonly completes: boolean
}

/** What became of a batch's commands. */
export type Effects = {
  readonly effects: readonly Effect[]
  /** Commands that took effect, or were refused, before: another record of the same command. */
  readonly duplicates: number
  /** The new version of each user's pages that changed. */
  readonly personalLists: ReadonlyMap<string, number>
  readonly letters: readonly Letter[]
}

/** Without a command: it did not decode, but may have said which request it comes from. */
type Letter = DeadLetter & { readonly command?: Command; readonly requestId?: string }

/** For those who watch. A batch whose COMMIT was lost and settled later is not reported. */
export type AppliedBatch = Effects & {
  readonly partition: number
  readonly records: number
  /** What its transaction took. */
  readonly seconds: number
}

/** Rejects when the store does not answer: its stored offset then shows whether it was applied. */
export const applyBatch = (store: TodoStore, batch: Batch): Promise<ApplyResult> => {
  const { log, partition, records } = batch
  const { commands, poison } = decodeAll(records)
  return store.transaction(async (transaction) => {
    const first = offsetOf(records[0])
    const next = offsetOf(records.at(-1)) + 1
    // First, because it takes the partition's row lock: from here on nobody else applies it.
    const listsMayChange = commands.some(({ command }) => !command.isPersonal)
    const offsets = { expected: first, next }
    const ours = await transaction.advanceOffset(log, partition, offsets, listsMayChange)
    if (!ours) return { kind: 'fenced' }
    const applied = await transaction.alreadyApplied(
      commands.map(({ command }) => command.commandId),
    )
    const fresh = commands.filter(({ command }) => !applied.has(command.commandId))
    const { effects, refused } = await applyCommands(transaction, fresh)
    const letters = [...poison, ...refused]
    await transaction.deadLetter(log, partition, letters)
    const personalLists = await transaction.changePersonalLists(ownersOfPersonal(effects))
    const duplicates = commands.length - effects.length - refused.length
    return { kind: 'applied', effects, duplicates, personalLists, letters }
  })
}

type Decoded = { readonly record: LogRecord; readonly command: Command }

type Outcomes = {
  readonly effects: Effects['effects']
  readonly refused: readonly Letter[]
}

/** All at once; if the database refuses the data, one by one, to find those that it refuses. */
const applyCommands = async (
  transaction: StoreTransaction,
  decoded: readonly Decoded[],
): Promise<Outcomes> => {
  if (decoded.length === 0) return { effects: [], refused: [] }
  try {
    return await transaction.savepoint(async (inner) => {
      const commands = decoded.map(({ command }) => command)
      const rows = await inner.lockTodos([...new Set(commands.map(({ todoId }) => todoId))])
      const { changes, outcomes, completing } = fold(rows, commands)
      await inner.write(changes)
      await inner.recordOutcomes(outcomes)
      const byId = new Map(commands.map((command) => [command.commandId, command]))
      const effects = [...outcomes].map(([commandId, outcome]) => ({
        command: byId.get(commandId) as Command,
        outcome,
        completes: completing.has(commandId),
      }))
      return { effects, refused: [] }
    })
  } catch (error) {
    if (storeErrorKind(error) !== 'command') throw error
    const [only] = decoded
    if (only && decoded.length === 1) {
      const { command, record } = only
      const { offset, value } = record
      const letter = { offset, record: value, reason: (error as Error).message, command }
      return { effects: [], refused: [letter] }
    }
  }
  const effects: Effect[] = []
  const refused: Letter[] = []
  for (const one of decoded) {
    const alone = await applyCommands(transaction, [one])
    effects.push(...alone.effects)
    refused.push(...alone.refused)
  }
  return { effects, refused }
}

const ownersOfPersonal = (effects: Effects['effects']): string[] => {
  const owners = effects.flatMap(({ command, outcome }) =>
    command.isPersonal && outcome === 'applied' ? [command.userId] : [],
  )
  return [...new Set(owners)]
}

const decodeAll = (records: readonly LogRecord[]) => {
  const commands: Decoded[] = []
  const poison: Letter[] = []
  for (const record of records) {
    const decoded = decodeCommand(record.value)
    if (decoded.kind === 'command') {
      commands.push({ record, command: decoded.command })
      continue
    }
    const { kind: _, ...why } = decoded
    poison.push({ offset: record.offset, record: record.value, ...why })
  }
  return { commands, poison }
}

const offsetOf = (record: LogRecord | undefined): number => {
  if (!record) throw new Error('a batch has at least one record')
  return record.offset
}
