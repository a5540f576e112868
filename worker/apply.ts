// One batch, one transaction: the offset, the command ids, the rows and the dead letters are
// stored together or not at all.

import { decodeCommand, type Command } from '../lib/command.ts'
import type { LogRecord } from '../lib/command-log/command-log.ts'
import {
  storeErrorKind,
  type DeadLetter,
  type StoreTransaction,
  type TodoStore,
} from '../lib/todo-store/todo-store.ts'
import { fold } from './fold.ts'

export type Batch = {
  readonly log: string
  readonly partition: number
  /** At least one, contiguous, the first at the offset that the store is thought to expect. */
  readonly records: readonly LogRecord[]
}

/** `fenced`: the store expects another offset: these records, or some of them, are not ours to apply. */
export type ApplyResult = { readonly kind: 'applied' | 'fenced' }

/** Rejects when the store does not answer: whether it was applied is then told by its stored offset. */
export const applyBatch = (store: TodoStore, batch: Batch): Promise<ApplyResult> => {
  const { log, partition, records } = batch
  const { commands, poison } = decodeAll(records)
  return store.transaction(async (transaction) => {
    const first = offsetOf(records[0])
    const next = offsetOf(records.at(-1)) + 1
    // First, because it takes the partition's row lock: from here on nobody else applies it.
    const ours = await transaction.advanceOffset(log, partition, first, next)
    if (!ours) return { kind: 'fenced' }
    const applied = await transaction.alreadyApplied(
      commands.map(({ command }) => command.commandId),
    )
    const fresh = commands.filter(({ command }) => !applied.has(command.commandId))
    const refused = await applyCommands(transaction, fresh)
    await transaction.deadLetter(log, partition, [...poison, ...refused])
    return { kind: 'applied' }
  })
}

type Decoded = { readonly record: LogRecord; readonly command: Command }

/** All at once; if the database refuses the data, one by one, to find those that it refuses. */
const applyCommands = async (
  transaction: StoreTransaction,
  commands: readonly Decoded[],
): Promise<DeadLetter[]> => {
  if (commands.length === 0) return []
  try {
    await transaction.savepoint(async (inner) => {
      const ids = [...new Set(commands.map(({ command }) => command.todoId))]
      const rows = await inner.lockTodos(ids)
      const { changes, outcomes } = fold(
        rows,
        commands.map(({ command }) => command),
      )
      await inner.write(changes)
      await inner.recordOutcomes(outcomes)
    })
    return []
  } catch (error) {
    if (storeErrorKind(error) !== 'command') throw error
    const [only] = commands
    if (only && commands.length === 1) {
      const { offset, value } = only.record
      return [{ offset, record: value, reason: (error as Error).message }]
    }
  }
  const refused: DeadLetter[] = []
  for (const one of commands) refused.push(...(await applyCommands(transaction, [one])))
  return refused
}

const decodeAll = (records: readonly LogRecord[]) => {
  const commands: Decoded[] = []
  const poison: DeadLetter[] = []
  for (const record of records) {
    const decoded = decodeCommand(record.value)
    if (decoded.kind === 'command') commands.push({ record, command: decoded.command })
    else poison.push({ offset: record.offset, reason: decoded.reason, record: record.value })
  }
  return { commands, poison }
}

const offsetOf = (record: LogRecord | undefined): number => {
  if (!record) throw new Error('a batch has at least one record')
  return record.offset
}
