// Where deliveries end: decides what of a delivery is new, applies it until the store has it, and
// settles what an error left open by reading the stored offset again.

import { setTimeout as delay } from 'node:timers/promises'
import type { Delivery, DeliveryResult, Sink } from '../../lib/command-log/command-log.ts'
import type { FoundLog, RegisteredLog } from '../../lib/domain/log-identity.ts'
import { anotherLog, mismatch } from '../../lib/domain/log-identity.ts'
import type { Log } from '../../lib/runtime/log.ts'
import type { Numbers, PublisherAdvance, TodoStore } from '../../lib/todo-store/todo-store.ts'
import type { EventFeed } from '../events/feed.ts'
import { applyBatch, type AppliedBatch } from './apply.ts'
import { publishersOf, readRecord, type ReadRecord } from './fresh.ts'

export type SinkSettings = {
  readonly log: string
  readonly store: TodoStore
  /** Called after each transaction that changed the store. Must not throw. */
  readonly onApplied: (batch: AppliedBatch) => void
  readonly logger: Log
  /** Without one, nobody is told what is applied. */
  readonly events?: Pick<EventFeed, 'take' | 'slotOf' | 'left'>
  /** Another is one that watches it. */
  readonly apply?: typeof applyBatch
  /** Where partitions are applied to different databases: so that one keeps no other waiting. */
  readonly shards?: SinkShards
}

export type SinkShards = {
  readonly storeOf: (partition: number) => TodoStore
  /** Known to be unavailable: it is not tried. */
  isDown(partition: number): boolean
  /** After an error: finds out whether it is unavailable, in bounded time. */
  isDownNow(partition: number): Promise<boolean>
}

const firstRetryMs = 50
const lastRetryMs = 2_000
/**
 * From the start of one large transaction of a partition to that of the next. What a transaction costs
 * besides its rows, 0.5 ms in Postgres and as much here, is shared by what the log gets meanwhile.
 */
const transactionIntervalMs = 20
/** Commands that make a transaction a large one: while there are fewer, nobody is kept waiting. */
const pacedFrom = 20
/** Remembered for each partition. Each start of a server is another one, and the last few write. */
const publishersMax = 1_000

export const createSink = ({
  log,
  store,
  onApplied,
  logger,
  events,
  apply = applyBatch,
  shards,
}: SinkSettings): Sink => {
  const storeOf = shards?.storeOf ?? (() => store)
  /** Where the last batch of each partition ended. A guess: the transaction compares. */
  const guesses = new Map<number, Guess>()

  /** As each database last said. A guess too: the transaction compares the identity. */
  const known = new Map<TodoStore, RegisteredLog>()

  /** Why records of this log must not be applied; undefined when they may. */
  const faultOf = async (found: FoundLog, at: TodoStore): Promise<string | undefined> => {
    let registered = known.get(at)
    if (registered === undefined || mismatch(log, registered, found) !== undefined) {
      registered = await at.registeredLog(log)
      if (registered) known.set(at, registered)
      guesses.clear()
    }
    return registered === undefined
      ? anotherLog(log, 'none', found.identity)
      : mismatch(log, registered, found)
  }

  /** Asked for when there is one that is not in the guess. */
  const numbersOf = async (
    partition: number,
    publishers: readonly string[],
    guess?: Numbers,
  ): Promise<Numbers> => {
    if (publishers.every((publisher) => guess?.has(publisher))) return guess ?? new Map()
    return new Map([
      ...(guess ?? []),
      ...(await storeOf(partition).numbersOf(log, partition, publishers)),
    ])
  }

  return async (delivery) => {
    const { partition } = delivery
    const at = storeOf(partition)
    let retryMs = firstRetryMs
    while (!delivery.abandoned()) {
      if (shards?.isDown(partition) === true) return { kind: 'unavailable' }
      try {
        const found = await delivery.foundLog()
        if (found === undefined) throw new Error(`there is no command log ${log} now`)
        const fault = await faultOf(found, at)
        if (fault !== undefined) return { kind: 'another-log', reason: fault }
        // Read after anything unusual: a zombie, a rebalance or an ambiguous COMMIT all end in the
        // right place.
        const guess = guesses.get(partition)
        guesses.delete(partition)
        const expected = guess?.nextOffset ?? (await at.nextOffset(log, partition))
        // After the position: then all that is left of the batches before it is seen.
        const source = `${found.identity}/${partition}`
        if (guess === undefined) await events?.take(source)
        const read = readFrom(expected - 1, delivery)
        const numbers = await numbersOf(partition, publishersOf(read.records), guess?.numbers)
        if (delivery.inDoubt && !(await continues(at, log, expected, numbers, read))) {
          return { kind: 'rewritten', expectedOffset: expected }
        }
        const next = align(expected, read)
        if (next.kind === 'apply') {
          const startedMs = performance.now()
          const name = { name: log, identity: found.identity }
          const outbox = events?.slotOf(source, expected + next.records.length)
          const result = await apply(at, {
            log: name,
            partition,
            records: next.records,
            numbers,
            outbox,
          })
          if (result.kind === 'applied') {
            if (outbox) events?.left(outbox, result.events)
            const seconds = (performance.now() - startedMs) / 1_000
            onApplied({ ...result, partition, records: next.records.length, seconds })
            guesses.set(partition, {
              nextOffset: expected + next.records.length,
              numbers: numbersAfter(numbers, result.numbers),
            })
            if (result.effects.length >= pacedFrom) await delay(pauseAfter(startedMs))
            return { kind: 'applied' }
          }
          known.delete(at)
          logger.warn({ partition, expected }, 'another worker applied these records: skipped')
        } else if (guess === undefined) return next
        retryMs = firstRetryMs
      } catch (error) {
        // The database is down, or the outcome of a COMMIT is unknown: never skip, ask again.
        const reason = (error as Error).message
        if ((await shards?.isDownNow(partition)) === true) return { kind: 'unavailable' }
        logger.warn({ partition, reason, retryMs }, 'batch not applied, trying again')
        await delay(retryMs)
        retryMs = Math.min(retryMs * 2, lastRetryMs)
      }
    }
    return { kind: 'abandoned' }
  }
}

const pauseAfter = (startedMs: number) =>
  Math.max(0, transactionIntervalMs - (performance.now() - startedMs))

type Guess = { readonly nextOffset: number; readonly numbers: Numbers }

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

/** Outcomes and numbers are kept for a week: what is older is not expected to be known. */
const knownAgeMsMax = 6 * 24 * 3_600_000

/** Whether the record before `expected` is one that was applied; true when that can't be found out. */
const continues = async (
  store: TodoStore,
  log: string,
  expected: number,
  numbers: Numbers,
  { partition, records }: ReadDelivery,
): Promise<boolean> => {
  const decoded = records.find(({ offset }) => offset === expected - 1)?.decoded
  if (decoded?.kind !== 'command') return true
  const { commandId, atMs } = decoded.command
  if (Date.now() - atMs > knownAgeMsMax) return true
  const { stamp } = decoded
  // Dealt with, whatever became of it. A number that is higher belongs to a record that never was.
  if (stamp) return stamp.number <= (numbers.get(stamp.by) ?? 0)
  if ((await store.outcomesOf([commandId])).has(commandId)) return true
  return store.isDeadLetter(log, partition, expected - 1)
}

export type Alignment<R> =
  DeliveryResult | { readonly kind: 'apply'; readonly records: readonly R[] }

/** What a delivery holds for a store that expects `expectedOffset` next. Pure. */
export const align = <R extends { readonly offset: number }>(
  expectedOffset: number,
  delivery: { readonly records: readonly R[]; readonly endOffset: number },
): Alignment<R> => {
  const { records, endOffset } = delivery
  if (endOffset < expectedOffset) return { kind: 'truncated', expectedOffset }
  const fresh = records.filter((record) => record.offset >= expectedOffset)
  if (fresh.length === 0) return { kind: 'applied' }
  const isContiguous = fresh.every((record, i) => record.offset === expectedOffset + i)
  return isContiguous ? { kind: 'apply', records: fresh } : { kind: 'gap', expectedOffset }
}
