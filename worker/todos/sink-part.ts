// What of a delivery is for one database: nearly always all of it. Where buckets were moved, there is a
// part for the home of the partition, and one for each shard that has some of its buckets.

import type { Delivery, DeliveryResult } from '../../lib/command-log/command-log.ts'
import type { Numbers, PublisherAdvance, TodoStore } from '../../lib/todo-store/todo-store.ts'
import type { EventFeed } from '../events/feed.ts'
import { align } from './align.ts'
import type { AppliedBatch, applyBatch, BatchPart } from './apply.ts'
import { publishersOf, readRecord, type ReadRecord } from './fresh.ts'

export type Part = {
  readonly store: TodoStore
  /** Undefined: the partition's home. */
  readonly shard?: string
  /** Undefined: all of the partition is here. */
  readonly batch?: BatchPart
}

/** With numbers, it is where the last batch ended: a guess, which the transaction compares. */
export type PartPosition = { readonly nextOffset: number; readonly numbers?: Numbers }

export type PartResult =
  | { readonly kind: 'applied'; readonly position: PartPosition; readonly effects: number }
  /** There was nothing new. */
  | { readonly kind: 'known' }
  /** What was known of the position is not so any more. */
  | { readonly kind: 'stale' }
  | { readonly kind: 'not-applied'; readonly result: DeliveryResult }

export type PartSettings = {
  readonly log: string
  readonly events?: Pick<EventFeed, 'take' | 'slotOf' | 'left'> | undefined
  readonly apply: typeof applyBatch
  readonly onApplied: (batch: AppliedBatch) => void
}

/** A source of events of its own: what two parts of one batch leave has one number. */
const sourceOf = (identity: string, partition: number, { shard }: Part): string =>
  shard === undefined ? `${identity}/${partition}` : `${identity}@${shard}/${partition}`

/** Rejects when the store does not answer. */
export const applyPart = async (
  { log, events, apply, onApplied }: PartSettings,
  part: Part,
  identity: string,
  delivery: Delivery,
  { nextOffset: expected, numbers: guess }: PartPosition,
): Promise<PartResult> => {
  const { partition } = delivery
  const { store, shard } = part
  // After the position: then all that is left of the batches before it is seen.
  const source = sourceOf(identity, partition, part)
  if (guess === undefined) await events?.take(source)
  const read = readFrom(expected - 1, delivery)
  const numbers = await numbersOf(log, store, read, guess)
  if (delivery.inDoubt && !(await continues(part, log, expected, numbers, read))) {
    return { kind: 'not-applied', result: { kind: 'rewritten', expectedOffset: expected } }
  }
  const next = align(expected, read)
  if (next.kind !== 'apply') {
    if (guess !== undefined) return { kind: 'stale' }
    return next.kind === 'applied' ? { kind: 'known' } : { kind: 'not-applied', result: next }
  }
  const startedMs = performance.now()
  const end = expected + next.records.length
  const outbox = events?.slotOf(source, end)
  const result = await apply(store, {
    log: { name: log, identity },
    partition,
    records: next.records,
    numbers,
    outbox,
    part: part.batch,
  })
  if (result.kind === 'fenced') return { kind: 'stale' }
  if (outbox) events?.left(outbox, result.events)
  onApplied({
    ...result,
    partition,
    ...(shard !== undefined && { shard }),
    records: shard === undefined ? next.records.length : 0,
    seconds: (performance.now() - startedMs) / 1_000,
  })
  return {
    kind: 'applied',
    position: { nextOffset: end, numbers: numbersAfter(numbers, result.numbers) },
    effects: result.effects.length,
  }
}

/** Remembered for each partition. Each start of a server is another one, and the last few write. */
const publishersMax = 1_000

const numbersAfter = (before: Numbers, advanced: readonly PublisherAdvance[]): Numbers => {
  const after = new Map(before.size > publishersMax ? [] : before)
  for (const { publisher, next } of advanced) after.set(publisher, next)
  return after
}

type ReadDelivery = Omit<Delivery, 'records'> & { readonly records: readonly ReadRecord[] }

/** What was applied long ago is not decoded again. */
const readFrom = (offset: number, delivery: Delivery): ReadDelivery => ({
  ...delivery,
  records: delivery.records.filter((one) => one.offset >= offset).map(readRecord),
})

/** Asked for when there is one that is not in the guess. */
const numbersOf = async (
  log: string,
  store: TodoStore,
  { partition, records }: ReadDelivery,
  guess?: Numbers,
): Promise<Numbers> => {
  const publishers = publishersOf(records)
  if (publishers.every((publisher) => guess?.has(publisher))) return guess ?? new Map()
  return new Map([...(guess ?? []), ...(await store.numbersOf(log, partition, publishers))])
}

/** Outcomes and numbers are kept for a week: what is older is not expected to be known. */
const knownAgeMsMax = 6 * 24 * 3_600_000

/** Whether the record before `expected` is one that was applied; true when that can't be found out. */
const continues = async (
  { store, batch }: Part,
  log: string,
  expected: number,
  numbers: Numbers,
  { partition, records }: ReadDelivery,
): Promise<boolean> => {
  const decoded = records.find(({ offset }) => offset === expected - 1)?.decoded
  if (decoded?.kind !== 'command') return true
  const { commandId, todoId, atMs } = decoded.command
  if (Date.now() - atMs > knownAgeMsMax) return true
  const { stamp } = decoded
  // Dealt with, whatever became of it. A number that is higher belongs to a record that never was.
  if (stamp) return stamp.number <= (numbers.get(stamp.by) ?? 0)
  if (batch?.has(todoId) === false) return true // another part's
  if ((await store.outcomesOf([commandId])).has(commandId)) return true
  // What it left moves with its bucket, but for a dead letter.
  return batch !== undefined || store.isDeadLetter(log, partition, expected - 1)
}
