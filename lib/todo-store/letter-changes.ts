// What becomes of a dead letter: published again, or discarded. For the operator's command and for the API, so that
// both decide in the same way. A replay goes through the log like any write, so the order of locks, the offsets
// and "each command id once" hold for it too. The letter is deleted only when the log has acknowledged it.

import type { NewAuditEntry } from '../domain/audit.ts'
import { decodeCommand, type Command } from '../domain/command.ts'
import type { Pool, Sql } from '../drivers/postgres/pool.ts'
import type { DeadLetters, Letter } from './dead-letters.ts'

/** To the log. Never rejects. */
export type Publish = (
  command: Command,
) => Promise<
  | { readonly kind: 'acknowledged' }
  | { readonly kind: 'refused' | 'unknown'; readonly reason: string }
>

export type Replay =
  | { readonly kind: 'replayed' }
  /** The record is no command. */
  | { readonly kind: 'unreadable'; readonly reason: string }
  /** A command with the id of the one in its place was applied: the sink would skip it silently. */
  | { readonly kind: 'applied-before'; readonly commandId: string }
  /** Whether the log has it is not known. To replay it again is safe, it applies once. */
  | { readonly kind: 'unacknowledged'; readonly reason: string }

type Options = {
  /** Published in the letter's place. */
  readonly record?: string | undefined
  /** Before the letter is removed, which somebody else may have done meanwhile. */
  readonly onPublished?: () => Promise<void>
}

export const replayLetter = async (
  letters: DeadLetters,
  publish: Publish,
  letter: Letter,
  { record, onPublished }: Options = {},
): Promise<Replay> => {
  const decoded = decodeCommand(record === undefined ? letter.record : Buffer.from(record))
  if (decoded.kind === 'poison') return { kind: 'unreadable', reason: decoded.reason }
  // It was dealt with under the stamp that it came with, as refused. Under the one that it gets now it
  // counts by its id, so that a second replay does nothing more.
  const command: Command = { ...decoded.command, keepsOutcome: true }
  const { commandId } = command
  if (record !== undefined && (await letters.isApplied(commandId)))
    return { kind: 'applied-before', commandId }
  const outcome = await publish(command)
  if (outcome.kind !== 'acknowledged') return { kind: 'unacknowledged', reason: outcome.reason }
  await onPublished?.()
  await letters.remove([letter.id])
  return { kind: 'replayed' }
}

/** Who changes something and in which request, for the audit log. */
type By = { readonly actorId: string; readonly requestId: string }

/** Undefined, and false: there is no such letter. Each change is in the audit log. */
export type LetterChanges = {
  replay(id: number, by: By): Promise<Replay | undefined>
  discard(id: number, by: By): Promise<boolean>
}

/** `accounts`: of the database that has the audit log. */
export const createLetterChanges = (
  letters: DeadLetters,
  publish: Publish,
  accounts: Pool,
  appendAudit: (sql: Sql, entry: NewAuditEntry) => Promise<void>,
): LetterChanges => {
  const entryOf = (action: NewAuditEntry['action'], by: By, id: number): NewAuditEntry => {
    return { ...by, action, subject: { kind: 'letter', id: String(id) } }
  }
  return {
    async replay(id, by) {
      const letter = await letters.get(id)
      const entry = entryOf('letter.replayed', by, id)
      // The log has it, whoever has replayed or discarded the letter meanwhile.
      const onPublished = () => accounts.run((sql) => appendAudit(sql, entry))
      return letter && replayLetter(letters, publish, letter, { onPublished })
    },
    async discard(id, by) {
      const entry = entryOf('letter.discarded', by, id)
      return (await letters.remove([id], (sql) => appendAudit(sql, entry))) > 0
    },
  }
}
