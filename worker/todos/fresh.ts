// Pure: which records of a batch are to be applied. A record that its publisher's number, or its
// command's id, shows to have been dealt with before is a duplicate.

import type { LogRecord } from '../../lib/command-log/command-log.ts'
import { decodeCommand, type Command, type Decoded } from '../../lib/domain/command.ts'
import type { Numbers, PublisherAdvance } from '../../lib/todo-store/todo-store.ts'
import type { Letter } from './apply.ts'

export type ReadRecord = LogRecord & { readonly decoded: Decoded }

export type FreshCommand = {
  readonly record: ReadRecord
  readonly command: Command
  /** Its id is looked up, and its outcome is kept under it. */
  readonly hasRow: boolean
}

export type Fresh = {
  readonly commands: readonly FreshCommand[]
  readonly poison: readonly Letter[]
  readonly duplicates: number
  /** Of all publishers, also those with nothing new: the transaction compares them. */
  readonly numbers: readonly PublisherAdvance[]
}

export const readRecord = ({ offset, value, traceparent }: LogRecord): ReadRecord => ({
  offset,
  value,
  traceparent,
  decoded: decodeCommand(value),
})

/** Those whose numbers have to be known. */
export const publishersOf = (records: readonly ReadRecord[]): string[] => {
  const publishers = new Set<string>()
  let last: string | undefined
  for (const { decoded } of records) {
    const by = decoded.stamp?.by
    if (by === undefined || by === last) continue
    publishers.add((last = by))
  }
  return [...publishers]
}

/** `known`: the number that each publisher is at, before these records. */
export const freshOf = (records: readonly ReadRecord[], known: Numbers): Fresh => {
  const numbers = new Map<string, { readonly publisher: string; expected: number; next: number }>()
  const advanceOf = (publisher: string) => {
    let advance = numbers.get(publisher)
    if (advance) return advance
    const expected = known.get(publisher) ?? 0
    advance = { publisher, expected, next: expected }
    numbers.set(publisher, advance)
    return advance
  }
  const commands: FreshCommand[] = []
  const poison: Letter[] = []
  const ids = new Set<string>()
  let duplicates = 0
  let advance = { publisher: '', expected: 0, next: 0 }
  for (const record of records) {
    const { decoded } = record
    const { stamp } = decoded
    if (stamp) {
      if (advance.publisher !== stamp.by) advance = advanceOf(stamp.by)
      if (stamp.number <= advance.next) {
        duplicates++
        continue
      }
      advance.next = stamp.number
    }
    if (decoded.kind === 'poison') {
      const { kind: _, stamp: __, ...why } = decoded
      poison.push({ offset: record.offset, record: record.value, ...why })
      continue
    }
    const { command } = decoded
    const hasRow = stamp === undefined || command.keepsOutcome === true
    if (hasRow) {
      if (ids.has(command.commandId)) {
        duplicates++
        continue
      }
      ids.add(command.commandId)
    }
    commands.push({ record, command, hasRow })
  }
  return { commands, poison, duplicates, numbers: [...numbers.values()] }
}
