// Publishes commands to Kafka. kafkajs's idempotent producer reuses sequence numbers after a failed
// send, and the broker then takes the next batch for a duplicate and acknowledges it unwritten
// (lost-acks.test.ts shows it). So one send is in flight per producer, and a producer with a failed
// send is thrown away, its connections cut: a send that it would go on retrying might arrive behind
// newer commands.

import { Partitioners, type Producer } from 'kafkajs'
import { encodeCommand, type Command } from '../../command.ts'
import type { Log } from '../../log.ts'
import { createMicroBatch, NotSent } from '../../micro-batch.ts'
import { withTimeout } from '../../with-timeout.ts'
import type { CommandPublisher, PublishGate } from '../command-log.ts'
import { createClient, retryEveryMs, type KafkaSettings } from './client.ts'
import { partitionOf } from './partition.ts'
import { createOwnSockets } from './sockets.ts'

const pingTimeoutMs = 1_000

type ProducerState =
  { readonly kind: 'down'; readonly reason: string } | ({ readonly kind: 'up' } & OwnProducer)

/** A producer whose connections are ours to watch and to cut. */
type OwnProducer = {
  readonly producer: Producer
  /** Rejects once the last of its connections is closed, by whichever side. */
  readonly lost: Promise<never>
  /** For good: kafkajs goes on retrying behind our back, and must reach nobody any more. */
  discard(): void
}

const reconnectEveryMs = 100
/** A broker that is starting takes connections and leaves them unanswered: then a fresh one is due. */
const attemptTimeoutMs = 2_000

export const createKafkaPublisher = (
  settings: KafkaSettings & { queueMax: number; waitMaxMs: number; timeoutMs: number },
  gate: PublishGate,
  log: Log,
): CommandPublisher => {
  const admin = createClient(settings, log, settings.timeoutMs).admin()
  let state: ProducerState = { kind: 'down', reason: 'not connected to Kafka yet' }
  let closed = false

  const connect = async () => {
    while (!closed) {
      const own = createProducer(settings, log)
      try {
        await withTimeout(attemptTimeoutMs, () => Promise.race([own.producer.connect(), own.lost]))
        await gate.verify()
        own.lost.catch((error: unknown) => fail(own, error as Error))
        state = { kind: 'up', ...own }
        return
      } catch (error) {
        state = { kind: 'down', reason: `Kafka does not answer: ${(error as Error).message}` }
        own.discard()
        await new Promise((resolve) => setTimeout(resolve, reconnectEveryMs))
      }
    }
  }

  const fail = ({ producer, discard }: OwnProducer, error: Error) => {
    discard()
    if (closed || state.kind === 'down' || state.producer !== producer) return
    state = { kind: 'down', reason: `Kafka does not answer: ${error.message}` }
    const again = connect()
    // Kafka closes connections that have been idle for long: no news.
    if (batch.pending() === 0) return
    log.warn({ reason: error.message }, 'Kafka does not answer: writes get a 503 until it does')
    void again.then(() => log.warn('Kafka answers again'))
  }

  const send = async (commands: Command[]) => {
    if (state.kind === 'down') throw new NotSent(state.reason)
    const refusal = gate.refusal()
    if (refusal !== undefined) throw new NotSent(refusal)
    const own = state
    const partitions = gate.partitions()
    const messages = commands.map((command) => ({
      key: command.todoId,
      partition: partitionOf(command.todoId, partitions),
      value: encodeCommand(command),
    }))
    const acknowledged = own.producer.send({ topic: settings.topic, acks: -1, messages })
    try {
      const acknowledgements = await withTimeout(settings.timeoutMs, () =>
        Promise.race([acknowledged, own.lost]),
      )
      // kafkajs leaves out, without an error, what is for a partition that it does not know of yet.
      if (acknowledgements.length < new Set(messages.map(({ partition }) => partition)).size) {
        throw new Error('the topic has fewer partitions than commands are spread over')
      }
    } catch (error) {
      fail(own, error as Error)
      throw error
    }
  }

  const batch = createMicroBatch<Command>({
    pendingMax: settings.queueMax,
    batchMax: 1_000,
    waitMaxMs: settings.waitMaxMs,
    send,
  })
  void connect()

  return {
    publish(command) {
      if (state.kind === 'down') {
        return Promise.resolve({ kind: 'refused', cause: 'log-away', reason: state.reason })
      }
      const reason = gate.refusal()
      return reason === undefined
        ? batch.add(command)
        : Promise.resolve({ kind: 'refused', cause: 'log-closed', reason })
    },
    pending: batch.pending,
    async ping() {
      if (state.kind === 'down') throw new Error(state.reason)
      const refusal = gate.refusal()
      if (refusal !== undefined) throw new Error(refusal)
      await withTimeout(pingTimeoutMs, async () => {
        await admin.connect()
        await admin.fetchTopicMetadata({ topics: [settings.topic] })
      })
    },
    async close() {
      await batch.idle()
      closed = true
      if (state.kind === 'up') await state.producer.disconnect().catch(() => {})
      await admin.disconnect().catch(() => {})
    },
  }
}

const createProducer = (settings: KafkaSettings & { timeoutMs: number }, log: Log): OwnProducer => {
  const sockets = createOwnSockets({ silentMsMax: settings.timeoutMs })
  // Enough for our deadline; without an end, a discarded producer would try for ever.
  const retries = 10 + Math.ceil(settings.timeoutMs / retryEveryMs)
  const client = createClient(settings, log, settings.timeoutMs, {
    retries,
    socketFactory: sockets.factory,
  })
  const producer = client.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  return {
    producer,
    lost: sockets.lost,
    discard() {
      producer.disconnect().catch(() => {})
      sockets.discard()
    },
  }
}
