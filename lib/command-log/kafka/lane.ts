// Sends the commands of some partitions, which the same brokers have, one batch at a time. kafkajs's
// idempotent producer reuses sequence numbers after a failed send, and the broker then takes the next
// batch for a duplicate and acknowledges it unwritten (lost-acks.integration.test.ts shows it). So one
// send is in flight per producer, and a producer with a failed send is discarded, its connections cut. A
// send that it would go on retrying might arrive behind newer commands.

import type { LogPosition } from '../../domain/must-see.ts'
import type { Log } from '../../runtime/log.ts'
import { createMicroBatch, NotSent, SendSmaller } from '../../runtime/micro-batch.ts'
import { withTimeout } from '../../runtime/deadline.ts'
import type { PublishGate, PublishOutcome } from '../command-log.ts'
import {
  beginSend,
  recordBatches,
  type KafkaRecord,
  type RecordBatch,
} from '../../drivers/kafka/batch-bytes.ts'
import type { BatchLimit } from '../../drivers/kafka/batch-limit.ts'
import { encodedMessages } from '../../drivers/kafka/encoded-records.ts'
import type { Homes } from '../homes.ts'
import { positionsIn } from '../positions.ts'
import { isTooLarge, type OwnProducer } from '../../drivers/kafka/producer.ts'
import type { Connecting } from './connecting.ts'

/** Bytes per send, all partitions: far below the 100 MB that a broker reads (socket.request.max.bytes). */
const sendBytesMax = 4 * 1024 * 1024

/** A broker usually answers within a few milliseconds: while one takes this long, others get what may go there. */
const slowFromMs = 200

type ProducerState =
  /** Nothing has failed, or come, yet. */
  | { readonly kind: 'new'; readonly reason: string }
  | { readonly kind: 'down'; readonly reason: string }
  | { readonly kind: 'up'; readonly own: OwnProducer; records: number }

export type Lane = {
  /** While it is not down: whoever calls has asked. */
  publish(record: KafkaRecord): Promise<PublishOutcome>
  /** Why it takes nothing; undefined when it does. */
  downReason(): string | undefined
  /** It takes nothing, and it is not known yet whether it will. */
  isNew(): boolean
  /** What can go elsewhere had better. */
  isSlow(): boolean
  /** Who has the partitions, as it learned last; undefined while it is down. */
  replicas(): ReadonlyMap<number, readonly number[]> | undefined
  pending(): number
  /** Resolves when nothing waits and nothing is in flight. */
  idle(): Promise<void>
  /** Once it is idle. */
  disconnect(): Promise<void>
}

export type LaneParts = {
  readonly topic: string
  readonly bounds: {
    readonly queueMax: number
    readonly pendingBytesMax: number
    readonly waitMaxMs: number
    readonly timeoutMs: number
    /** Records that one producer sends. */
    readonly recordsMax: number
  }
  readonly gate: Pick<PublishGate, 'refusal'>
  readonly homes: Pick<Homes, 'partitionOf' | 'sending'>
  readonly limit: BatchLimit
  /** Connected already, where there is one. */
  readonly first: OwnProducer | undefined
  /** Resolves with a producer to whom the leaders of this lane's partitions answer. */
  readonly open: () => Promise<OwnProducer>
  readonly connecting: Connecting
  readonly isOurs: (partition: number) => boolean
  /** Undefined: all. */
  readonly partitions: () => readonly number[] | undefined
  readonly log: Log
}

export const createLane = (parts: LaneParts): Lane => {
  const { topic, bounds, gate, homes, limit, open, connecting, isOurs, log } = parts
  let state: ProducerState = { kind: 'new', reason: 'not connected to Kafka yet' }
  /** Since a write failed, until one is acknowledged. */
  let isRefusing = false

  const use = (own: OwnProducer) => {
    own.lost.catch((error: unknown) => fail(own, error as Error))
    state = { kind: 'up', own, records: 0 }
  }

  const connect = async () => {
    const own = await connecting.untilConnected(open, (reason) => {
      state = { kind: 'down', reason }
    })
    if (own) use(own)
  }

  /** For a producer that must not send again, whose broker answers: nobody needs to be refused meanwhile. */
  const replace = async (own: OwnProducer) => {
    try {
      const next = await open()
      if (state.kind === 'up' && state.own === own) use(next)
      else next.discard()
      own.discard()
    } catch (error) {
      fail(own, error as Error)
    }
  }

  const fail = (own: OwnProducer, error: Error) => {
    own.discard()
    if (connecting.isClosed() || state.kind !== 'up' || state.own !== own) return
    state = { kind: 'down', reason: `Kafka does not answer: ${error.message}` }
    void connect()
    // Kafka closes connections that have been idle for long: no news.
    if (batch.pending() === 0 || isRefusing) return
    isRefusing = true
    log.warn(
      { reason: error.message, partitions: parts.partitions() },
      'Kafka takes no writes: they get a 503 until it does',
    )
  }

  /** A broker that answers takes no writes for that: two of its kind may be missing. */
  const onTaken = () => {
    if (isRefusing) log.warn({ partitions: parts.partitions() }, 'Kafka takes writes again')
    isRefusing = false
  }

  const producerFor = async (records: number): Promise<OwnProducer> => {
    if (state.kind === 'up' && state.records + records > bounds.recordsMax) await replace(state.own)
    if (state.kind !== 'up') throw new NotSent(state.reason)
    state.records += records
    return state.own
  }

  const send = async (records: KafkaRecord[]) => {
    const own = await producerFor(records.length)
    const refusal = gate.refusal()
    if (refusal !== undefined) throw new NotSent(refusal)
    const [first] = records
    const reason = records.length === 1 && first && limit.whyTooLarge(first)
    if (reason) throw new NotSent(reason, 'too-large')
    homes.sending(isOurs)
    const batches = recordBatches(records, homes.partitionOf)
    if (!batches.every(({ partition }) => isOurs(partition))) {
      throw new NotSent(`the number of partitions of ${topic} has changed`)
    }
    const messages = encodedMessages(batches)
    const acknowledged = own.send({ topic, acks: -1, messages })
    try {
      const acknowledgements = await withTimeout(bounds.timeoutMs, () =>
        Promise.race([acknowledged, own.lost]),
      )
      const missing = unacknowledged(batches, acknowledgements)
      if (missing.length > 0) {
        throw new Error(`Kafka did not acknowledge what is for partitions ${missing.join(', ')}`)
      }
      onTaken()
      return positionsIn(records, batches, firstOffsets(acknowledgements))
    } catch (error) {
      if (!isTooLarge(error)) {
        const reasons = [(error as Error).message, own.complaint()].filter(Boolean)
        const failure = new Error(reasons.join(': '), { cause: error })
        fail(own, failure)
        throw failure
      }
      throw await smaller(own, batches, error as Error)
    }
  }

  /**
   * The limit was lowered. kafkajs does not say which partitions refused, and the others have theirs in
   * the log: sent again, in the same order, the worker applies each command once.
   */
  const smaller = async (own: OwnProducer, batches: readonly RecordBatch[], error: Error) => {
    await limit.onRefused(batches)
    await replace(own)
    log.warn(
      { batchBytesMax: limit.bytes() },
      'the topic accepts smaller batches than before: sent again in smaller ones',
    )
    return new SendSmaller(error.message, batches.length === 1)
  }

  const batch = createMicroBatch<KafkaRecord, LogPosition>({
    pendingMax: bounds.queueMax,
    pendingBytesMax: bounds.pendingBytesMax,
    batchMax: 1_000,
    waitMaxMs: bounds.waitMaxMs,
    bytesOf: (record) => record.bytes,
    beginBatch: () =>
      beginSend({
        batchBytesMax: limit.bytes(),
        sendBytesMax,
        partitionOf: homes.partitionOf,
      }),
    send,
  })
  if (parts.first) use(parts.first)
  else void connect()

  return {
    publish: batch.add,
    downReason: () => (state.kind === 'up' ? undefined : state.reason),
    isNew: () => state.kind === 'new',
    isSlow: () => state.kind !== 'up' || batch.inFlightMs() > slowFromMs,
    replicas: () => (state.kind === 'up' ? state.own.leaders.replicas() : undefined),
    pending: batch.pending,
    idle: batch.idle,
    async disconnect() {
      if (state.kind === 'up') await state.own.disconnect().catch(() => {})
    },
  }
}

type Acknowledgement = { readonly partition: number; readonly baseOffset?: string }

/** Of each partition, the offset of what was sent to it first. A batch that came twice may have none: -1. */
const firstOffsets = (acknowledgements: readonly Acknowledgement[]): ReadonlyMap<number, number> =>
  new Map(
    acknowledgements.flatMap(({ partition, baseOffset = '-1' }) => {
      const offset = Number(baseOffset)
      return offset >= 0 ? [[partition, offset] as const] : []
    }),
  )

/**
 * Partitions that batches are for and no acknowledgement is of. kafkajs leaves out, without an error,
 * what is for a partition that it does not know of yet, or that moved to a leader which has answered.
 */
export const unacknowledged = (
  batches: readonly { readonly partition: number }[],
  acknowledgements: readonly { readonly partition: number }[],
): number[] => {
  const missing = new Set(batches.map(({ partition }) => partition))
  for (const { partition } of acknowledgements) missing.delete(partition)
  return [...missing]
}
