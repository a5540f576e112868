// The command log on Kafka, through kafkajs. Its faults are routed around here and nowhere else:
// - its idempotent producer reuses sequence numbers after a failed send, and the broker then takes
//   the next batch for a duplicate and acknowledges it unwritten. So one send is in flight per
//   producer, retries are unlimited, and a producer that missed our deadline is thrown away;
// - its consumer goes to the end of the topic when an offset is out of range. So it always begins
//   at the beginning, and the sink's own offset decides where it goes on.

import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import { encodeCommand, type Command } from '../command.ts'
import type { Log } from '../log.ts'
import { createMicroBatch, NotSent } from '../micro-batch.ts'
import {
  lostCommands,
  type CommandConsumer,
  type CommandPublisher,
  type LogRecord,
} from './command-log.ts'
import { withTimeout } from '../with-timeout.ts'

export type KafkaSettings = {
  readonly brokers: string
  readonly topic: string
}

const connectTimeoutMs = 1_000
const pingTimeoutMs = 1_000
/** Far above any outage that a worker must be able to sit out. */
const retentionMs = 30 * 24 * 3600 * 1000

const createClient = (settings: KafkaSettings, log: Log, requestTimeoutMs: number) =>
  new Kafka({
    clientId: 'todos',
    brokers: settings.brokers.split(','),
    connectionTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: Number.MAX_SAFE_INTEGER },
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ level, log: entry }) => {
        const { message, ...details } = entry
        if (level === logLevel.ERROR) log.debug({ kafkajs: details }, message)
      },
  })

/** Makes the topic unless it is there; returns how many partitions it has. */
export const ensureTopic = async (
  settings: KafkaSettings & { partitions: number; replicationFactor: number },
  log: Log,
  timeoutMs: number,
): Promise<number> => {
  const admin = createClient(settings, log, timeoutMs).admin()
  try {
    return await withTimeout(timeoutMs, async () => {
      await admin.connect()
      await admin.createTopics({
        waitForLeaders: true,
        topics: [
          {
            topic: settings.topic,
            numPartitions: settings.partitions,
            replicationFactor: settings.replicationFactor,
            configEntries: [
              { name: 'cleanup.policy', value: 'delete' },
              { name: 'retention.ms', value: String(retentionMs) },
            ],
          },
        ],
      })
      const { topics } = await admin.fetchTopicMetadata({ topics: [settings.topic] })
      return topics[0]?.partitions.length ?? 0
    })
  } finally {
    void admin.disconnect().catch(() => {})
  }
}

type ProducerState =
  | { readonly kind: 'down'; readonly reason: string }
  | { readonly kind: 'up'; readonly producer: Producer }

export const createKafkaPublisher = (
  settings: KafkaSettings & { queueMax: number; timeoutMs: number },
  log: Log,
): CommandPublisher => {
  const client = createClient(settings, log, settings.timeoutMs)
  const admin = client.admin()
  let state: ProducerState = { kind: 'down', reason: 'not connected to Kafka yet' }
  let closed = false

  const connect = async () => {
    while (!closed) {
      const producer = client.producer({
        idempotent: true,
        maxInFlightRequests: 1,
        createPartitioner: Partitioners.DefaultPartitioner,
      })
      try {
        await withTimeout(settings.timeoutMs, () => producer.connect())
        state = { kind: 'up', producer }
        return
      } catch (error) {
        state = { kind: 'down', reason: `Kafka does not answer: ${(error as Error).message}` }
        discard(producer)
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    }
  }

  const discard = (producer: Producer) => void producer.disconnect().catch(() => {})

  const send = async (commands: Command[]) => {
    if (state.kind === 'down') throw new NotSent(state.reason)
    const { producer } = state
    try {
      await withTimeout(settings.timeoutMs, () =>
        producer.send({
          topic: settings.topic,
          acks: -1,
          messages: commands.map((command) => ({
            key: command.todoId,
            value: encodeCommand(command),
          })),
        }),
      )
    } catch (error) {
      const reason = (error as Error).message
      log.warn(
        { commands: commands.length, reason },
        'publish not acknowledged: producer discarded',
      )
      state = { kind: 'down', reason: `Kafka does not answer: ${reason}` }
      discard(producer)
      void connect()
      throw error
    }
  }

  const batch = createMicroBatch<Command>({
    pendingMax: settings.queueMax,
    batchMax: 1_000,
    waitMaxMs: settings.timeoutMs,
    send,
  })
  void connect()

  return {
    publish: (command) =>
      state.kind === 'down'
        ? Promise.resolve({ kind: 'refused', reason: state.reason })
        : batch.add(command),
    async ping() {
      if (state.kind === 'down') throw new Error(state.reason)
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

/** Heartbeats go out this often while a batch is applied, well inside the session timeout. */
const heartbeatIntervalMs = 1_000
const sessionTimeoutMs = 10_000

export const createKafkaConsumer = (
  settings: KafkaSettings & { groupId: string; partitionsAtOnce: number },
  log: Log,
): CommandConsumer => {
  const consumer = createClient(settings, log, 30_000).consumer({
    groupId: settings.groupId,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: heartbeatIntervalMs,
    maxWaitTimeInMs: 100,
    // The topic is made by `ensureTopic`, with the partitions that were asked for.
    allowAutoTopicCreation: false,
    retry: { restartOnFailure: () => Promise.resolve(true) },
  })
  /** Partitions that were sent back to an offset, and where they stood then. */
  const soughtTo = new Map<number, number>()

  return {
    async start(sink, onFatal) {
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        log.warn({ reason: payload.error.message, restart: payload.restart }, 'consumer crashed')
        if (!payload.restart) onFatal(`the Kafka consumer stopped: ${payload.error.message}`)
      })
      await consumer.connect()
      await consumer.subscribe({ topics: [settings.topic], fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        // Else a batch that was abandoned counts as done, and waits until something newer comes.
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: settings.partitionsAtOnce,
        async eachBatch({ batch, heartbeat, isRunning, isStale, resolveOffset }) {
          const { partition } = batch
          const last = batch.messages.at(-1)
          if (!last) return
          const heartbeats = setInterval(() => {
            heartbeat().catch(() => {}) // a failed one shows as isStale
          }, heartbeatIntervalMs)
          try {
            const result = await sink({
              partition,
              records: batch.messages.map(({ offset, value }): LogRecord => ({
                offset: Number(offset),
                value,
              })),
              endOffset: Number(batch.highWatermark),
              abandoned: () => isStale() || !isRunning(),
            })
            switch (result.kind) {
              case 'taken': {
                soughtTo.delete(partition)
                resolveOffset(last.offset)
                const offset = String(Number(last.offset) + 1)
                // A hint for the next start and for lag dashboards; the sink's offset is the truth.
                await consumer
                  .commitOffsets([{ topic: settings.topic, partition, offset }])
                  .catch(() => {})
                return
              }
              case 'abandoned':
                return
              case 'gap':
              case 'truncated': {
                const { expectedOffset } = result
                const found = Number(batch.firstOffset())
                if (result.kind === 'truncated' || soughtTo.get(partition) === expectedOffset) {
                  onFatal(lostCommands(settings.topic, partition, expectedOffset, found))
                  return
                }
                soughtTo.set(partition, expectedOffset)
                consumer.seek({ topic: settings.topic, partition, offset: String(expectedOffset) })
                return
              }
            }
          } finally {
            clearInterval(heartbeats)
          }
        },
      })
    },
    async stop() {
      await consumer.disconnect()
    },
  }
}
