// Where deliveries end: decides what of a delivery is new, applies it until the store has it, and
// settles what an error left open by reading the stored offset again.

import { setTimeout as delay } from 'node:timers/promises'
import type { Delivery, Sink } from '../../lib/command-log/command-log.ts'
import type { FoundLog, RegisteredLog } from '../../lib/domain/log-identity.ts'
import { anotherLog, mismatch } from '../../lib/domain/log-identity.ts'
import { bucketOf } from '../../lib/domain/todo-id.ts'
import type { Log } from '../../lib/runtime/log.ts'
import type { Position, TodoStore } from '../../lib/todo-store/todo-store.ts'
import type { EventFeed } from '../events/feed.ts'
import { applyBatch, type AppliedBatch } from './apply.ts'
import { applyPart, type Part, type PartPosition, type PartResult } from './sink-part.ts'

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
  /** The partition's home. */
  readonly storeOf: (partition: number) => TodoStore
  /** Known to be unavailable: it is not tried. */
  isDown(partition: number): boolean
  /** After an error: finds out whether it is unavailable, in bounded time. */
  isDownNow(partition: number): Promise<boolean>
  /** The same of a shard by its name, to which buckets of a partition were moved. */
  readonly named?: NamedShards
}

export type NamedShards = {
  readonly storeOf: (shard: string) => TodoStore
  isDown(shard: string): boolean
  isDownNow(shard: string): Promise<boolean>
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

/** What is thought to be so: the transactions compare. By shard; the partition's home has no name. */
type Guess = {
  readonly position: Position
  readonly parts: ReadonlyMap<string | undefined, PartPosition>
}

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

  const homeOf = async (partition: number): Promise<Position> => {
    if (shards) return storeOf(partition).positionOf(log, partition)
    return { nextOffset: await store.nextOffset(log, partition), moves: 0, elsewhere: nowhere }
  }

  const named = (shard: string): TodoStore => {
    if (!shards?.named) throw new Error(`there is no connection to the shard ${shard}`)
    return shards.named.storeOf(shard)
  }

  const settings = { log, events, apply, onApplied }

  const attemptElsewhere = async (
    part: Part,
    shard: string,
    delivery: Delivery,
    found: FoundLog,
    at: PartPosition | undefined,
  ): Promise<PartResult> => {
    if (shards?.named?.isDown(shard) === true) return unavailable
    try {
      const reason = await faultOf(found, part.store)
      if (reason !== undefined)
        return { kind: 'not-applied', result: { kind: 'another-log', reason } }
      const { partition } = delivery
      const position = at ?? { nextOffset: await part.store.nextOffset(log, partition) }
      return await applyPart(settings, part, found.identity, delivery, position)
    } catch (error) {
      if ((await shards?.named?.isDownNow(shard)) === true) return unavailable
      throw error
    }
  }

  /** The home first: then no other part is ever ahead of it. */
  const attempt = async (delivery: Delivery, found: FoundLog): Promise<PartResult> => {
    const { partition } = delivery
    const guess = guesses.get(partition)
    guesses.delete(partition)
    const position = guess?.position ?? (await homeOf(partition))
    const after = new Map<string | undefined, PartPosition>()
    let last: PartResult = { kind: 'known' }
    let effects = 0
    const startedMs = performance.now()
    const parts = partsOf(storeOf(partition), position, named)
    for (const part of parts) {
      const { shard } = part
      const at = guess?.parts.get(shard)
      last =
        shard === undefined
          ? await applyPart(settings, part, found.identity, delivery, at ?? position)
          : await attemptElsewhere(part, shard, delivery, found, at)
      if (last.kind === 'stale' || last.kind === 'not-applied') {
        known.delete(part.store)
        return last
      }
      if (last.kind === 'applied') {
        after.set(shard, last.position)
        effects += last.effects
      }
    }
    if (after.size === parts.length) guesses.set(partition, { position, parts: after })
    if (effects >= pacedFrom) await delay(pauseAfter(startedMs))
    return last
  }

  return async (delivery) => {
    const { partition } = delivery
    let retryMs = firstRetryMs
    while (!delivery.abandoned()) {
      if (shards?.isDown(partition) === true) return { kind: 'unavailable' }
      try {
        const found = await delivery.foundLog()
        if (found === undefined) throw new Error(`there is no command log ${log} now`)
        const fault = await faultOf(found, storeOf(partition))
        if (fault !== undefined) return { kind: 'another-log', reason: fault }
        // Read after anything unusual: a zombie, a rebalance or an ambiguous COMMIT all end in the
        // right place.
        const result = await attempt(delivery, found)
        if (result.kind === 'applied' || result.kind === 'known') return { kind: 'applied' }
        if (result.kind === 'not-applied') return result.result
        logger.warn({ partition }, 'another worker applied these records, or a bucket was moved')
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

const unavailable: PartResult = { kind: 'not-applied', result: { kind: 'unavailable' } }
const nowhere: Position['elsewhere'] = new Map()

const pauseAfter = (startedMs: number) =>
  Math.max(0, transactionIntervalMs - (performance.now() - startedMs))

/** By where the buckets of the partition are. */
const partsOf = (
  home: TodoStore,
  { moves, elsewhere }: Position,
  named: (shard: string) => TodoStore,
): Part[] => {
  if (elsewhere.size === 0 && moves === 0) return [{ store: home }]
  const shardOf = (todoId: string): string | undefined => {
    const bucket = bucketOf(todoId)
    return bucket === undefined ? undefined : elsewhere.get(bucket)
  }
  const partOf = (shard: string | undefined) => ({
    has: (todoId: string) => shardOf(todoId) === shard,
    moves: shard === undefined ? moves : 0,
    isHome: shard === undefined,
  })
  return [
    { store: home, batch: partOf(undefined) },
    ...[...new Set(elsewhere.values())].map((shard) => ({
      store: named(shard),
      shard,
      batch: partOf(shard),
    })),
  ]
}
