// Publishes commands to Kafka. kafkajs's idempotent producer reuses sequence numbers after a failed
// send, and the broker then takes the next batch for a duplicate and acknowledges it unwritten
// (lost-acks.integration.test.ts shows it). So one send is in flight per producer, and a producer
// with a failed send is discarded, its connections cut. A send that it would go on retrying might
// arrive behind newer commands. No batch is larger than the topic takes: the broker would refuse it
// whole.

import { encodeCommand } from '../../domain/command.ts'
import type { LogPosition } from '../../domain/must-see.ts'
import type { Log } from '../../runtime/log.ts'
import { createMicroBatch, NotSent, SendSmaller } from '../../runtime/micro-batch.ts'
import { withTimeout } from '../../runtime/deadline.ts'
import { LogRefusesUs, refusedPauseMs } from '../../drivers/kafka/security.ts'
import { pendingBytesMax, type CommandPublisher, type PublishGate } from '../command-log.ts'
import {
  beginSend,
  kafkaRecord,
  recordBatches,
  type KafkaRecord,
} from '../../drivers/kafka/batch-bytes.ts'
import { createBatchLimit } from '../../drivers/kafka/batch-limit.ts'
import { createClient, retryEveryMs, type KafkaSettings } from '../../drivers/kafka/client.ts'
import { encodedMessages } from '../../drivers/kafka/encoded-records.ts'
import { createKeptAdmin } from '../../drivers/kafka/kept-admin.ts'
import { takesWrites } from '../../drivers/kafka/replication.ts'
import { createHomes } from '../homes.ts'
import { positionsIn } from '../positions.ts'
import { createStamps } from '../stamps.ts'
import { murmur2 } from './partition.ts'
import { createProducer, isTooLarge, type OwnProducer } from '../../drivers/kafka/producer.ts'

const pingTimeoutMs = 1_000
/** Bytes per send, all partitions: far below the 100 MB that a broker reads (socket.request.max.bytes). */
const sendBytesMax = 4 * 1024 * 1024

/**
 * Records that one producer sends. kafkajs numbers them, and begins anew at 2^31 in a way that the broker
 * refuses: after 20 hours of 30,000 a second, a batch would get a 503.
 */
export const producerRecordsMax = 2 ** 30

type ProducerState =
  | { readonly kind: 'down'; readonly reason: string }
  | { readonly kind: 'up'; readonly own: OwnProducer; records: number }

const reconnectEveryMs = 100
/** A broker that is starting takes connections and leaves them unanswered: then a fresh one is due. */
const attemptTimeoutMs = 2_000
export const createKafkaPublisher = (
  settings: KafkaSettings & { queueMax: number; waitMaxMs: number; timeoutMs: number },
  gate: PublishGate,
  log: Log,
  recordsMax = producerRecordsMax,
): CommandPublisher => {
  // With an end: what asks and is given up would go on trying for as long as Kafka is down.
  const admin = createClient(settings, log, settings.timeoutMs, {
    retries: Math.ceil(settings.timeoutMs / retryEveryMs),
  }).admin()
  const pings = createKeptAdmin(settings, log, pingTimeoutMs)
  const limit = createBatchLimit(settings.topic, admin, log)
  const homes = createHomes(gate.partitions, murmur2)
  const nextStamp = createStamps()
  let limitIsRead = false
  let state: ProducerState = { kind: 'down', reason: 'not connected to Kafka yet' }
  /** Since a write failed, until one is acknowledged. */
  let isRefusing = false
  let closed = false
  let onClosed = () => {}
  const whenClosed = new Promise<void>((resolve) => (onClosed = resolve))

  const open = async (): Promise<OwnProducer> => {
    const own = createProducer(settings, log)
    try {
      await withTimeout(attemptTimeoutMs, () => Promise.race([own.producer.connect(), own.lost]))
      await gate.verify()
      return own
    } catch (error) {
      own.discard()
      throw own.explain(error as Error)
    }
  }

  const use = (own: OwnProducer) => {
    own.lost.catch((error: unknown) => fail(own, error as Error))
    state = { kind: 'up', own, records: 0 }
  }

  const connect = async () => {
    while (!closed) {
      try {
        const own = await open()
        if (!limitIsRead) await limit.read()
        limitIsRead = true
        use(own)
        return
      } catch (error) {
        const { message } = error as Error
        const isRefused = error instanceof LogRefusesUs
        if (isRefused && state.kind === 'down' && state.reason !== message) log.error(message)
        state = { kind: 'down', reason: isRefused ? message : `Kafka does not answer: ${message}` }
        const pauseMs = isRefused ? refusedPauseMs : reconnectEveryMs
        await Promise.race([whenClosed, new Promise((resolve) => setTimeout(resolve, pauseMs))])
      }
    }
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
    if (closed || state.kind === 'down' || state.own !== own) return
    state = { kind: 'down', reason: `Kafka does not answer: ${error.message}` }
    void connect()
    // Kafka closes connections that have been idle for long: no news.
    if (batch.pending() === 0 || isRefusing) return
    isRefusing = true
    log.warn({ reason: error.message }, 'Kafka takes no writes: they get a 503 until it does')
  }

  /** A broker that answers takes no writes for that: two of its kind may be missing. */
  const onTaken = () => {
    if (isRefusing) log.warn('Kafka takes writes again')
    isRefusing = false
  }

  const producerFor = async (records: number): Promise<OwnProducer> => {
    if (state.kind === 'up' && state.records + records > recordsMax) await replace(state.own)
    if (state.kind === 'down') throw new NotSent(state.reason)
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
    homes.sending()
    const batches = recordBatches(records, homes.partitionOf)
    const messages = encodedMessages(batches)
    const acknowledged = own.send({ topic: settings.topic, acks: -1, messages })
    try {
      const acknowledgements = await withTimeout(settings.timeoutMs, () =>
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
      // The limit was lowered. kafkajs does not say which partitions refused, and the others have
      // theirs in the log: sent again, in the same order, the worker applies each command once.
      await limit.onRefused(batches)
      await replace(own)
      log.warn(
        { batchBytesMax: limit.bytes() },
        'the topic accepts smaller batches than before: sent again in smaller ones',
      )
      throw new SendSmaller((error as Error).message, batches.length === 1)
    }
  }

  const batch = createMicroBatch<KafkaRecord, LogPosition>({
    pendingMax: settings.queueMax,
    pendingBytesMax,
    batchMax: 1_000,
    waitMaxMs: settings.waitMaxMs,
    bytesOf: (record) => record.bytes,
    beginBatch: () =>
      beginSend({
        batchBytesMax: limit.bytes(),
        sendBytesMax,
        partitionOf: homes.partitionOf,
      }),
    send,
  })
  void connect()

  return {
    newTodoId: homes.newTodoId,
    publish(command, traceparent) {
      if (state.kind === 'down') {
        return Promise.resolve({ kind: 'refused', cause: 'log-unavailable', reason: state.reason })
      }
      const refusal = gate.refusal()
      if (refusal !== undefined) {
        return Promise.resolve({ kind: 'refused', cause: 'log-closed', reason: refusal })
      }
      const record = kafkaRecord(command.todoId, encodeCommand(command, nextStamp()), traceparent)
      const reason = limit.whyTooLarge(record)
      return reason === undefined
        ? batch.add(record)
        : Promise.resolve({ kind: 'refused', cause: 'too-large', reason })
    },
    pending: batch.pending,
    async ping() {
      if (state.kind === 'down') throw new Error(state.reason)
      const refusal = gate.refusal()
      if (refusal !== undefined) throw new Error(refusal)
      const ask = () => pings.ask((one) => takesWrites(one, settings.topic))
      // What failed may be one broker of several, which the second time is not asked.
      await ask().catch(ask)
    },
    async close() {
      await batch.idle()
      closed = true
      onClosed()
      if (state.kind === 'up') await state.own.producer.disconnect().catch(() => {})
      await admin.disconnect().catch(() => {})
      pings.close()
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
