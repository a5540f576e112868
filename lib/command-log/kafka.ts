// The command log on Kafka, through kafkajs. Its faults are routed around here and nowhere else:
// - its idempotent producer reuses sequence numbers after a failed send, and the broker then takes
//   the next batch for a duplicate and acknowledges it unwritten (lost-acks.test.ts shows it). So
//   one send is in flight per producer, and a producer with a failed send is thrown away, its
//   connections cut: a send that it would go on retrying might arrive behind newer commands;
// - its consumer goes to the end of the topic when an offset is out of range. So it always begins
//   at the beginning, and the sink's own offset decides where it goes on.

import { connect as connectTcp, type Socket } from 'node:net'
import { Kafka, logLevel, Partitioners, type ISocketFactory, type Producer } from 'kafkajs'
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
const retryEveryMs = 500
/** Far above any outage that a worker must be able to sit out. */
const retentionMs = 30 * 24 * 3600 * 1000

const createClient = (
  settings: KafkaSettings,
  log: Log,
  requestTimeoutMs: number,
  options: { retries?: number; socketFactory?: ISocketFactory; onLogLine?: () => void } = {},
) =>
  new Kafka({
    ...(options.socketFactory && { socketFactory: options.socketFactory }),
    clientId: 'todos',
    brokers: settings.brokers.split(','),
    connectionTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry: {
      initialRetryTime: 50,
      maxRetryTime: retryEveryMs,
      retries: options.retries ?? Number.MAX_SAFE_INTEGER,
    },
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ level, log: entry }) => {
        options.onLogLine?.()
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
    const own = state
    const acknowledged = own.producer.send({
      topic: settings.topic,
      acks: -1,
      messages: commands.map((command) => ({
        key: command.todoId,
        value: encodeCommand(command),
      })),
    })
    try {
      await withTimeout(settings.timeoutMs, () => Promise.race([acknowledged, own.lost]))
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
    publish: (command) =>
      state.kind === 'down'
        ? Promise.resolve({ kind: 'refused', cause: 'log-away', reason: state.reason })
        : batch.add(command),
    pending: batch.pending,
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

const createProducer = (settings: KafkaSettings & { timeoutMs: number }, log: Log): OwnProducer => {
  const sockets = new Set<Socket>()
  let discarded = false
  let lose: (error: Error) => void = () => {}
  const lost = new Promise<never>((_, reject) => (lose = reject))
  lost.catch(() => {}) // whoever waits for it hears it
  // Enough for our deadline; without an end, a discarded producer would try for ever.
  const retries = 10 + Math.ceil(settings.timeoutMs / retryEveryMs)
  const socketFactory: ISocketFactory = ({ host, port, onConnect }) => {
    const socket = connectTcp({ host, port, noDelay: true }, onConnect)
    sockets.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      if (sockets.size === 0) lose(new Error(`the connection to ${host}:${port} was lost`))
    })
    if (discarded) socket.destroy()
    return socket
  }
  const client = createClient(settings, log, settings.timeoutMs, { retries, socketFactory })
  const producer = client.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  return {
    producer,
    lost,
    discard() {
      discarded = true
      producer.disconnect().catch(() => {})
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Heartbeats go out this often while a batch is applied, well inside the session timeout. */
const heartbeatIntervalMs = 1_000
const sessionTimeoutMs = 10_000
/** Once a batch, it was a third of the broker's work. */
const commitEveryMs = 1_000

export const createKafkaConsumer = (
  settings: KafkaSettings & { groupId: string; partitionsAtOnce: number },
  log: Log,
): CommandConsumer => {
  let lastSignMs = performance.now()
  const sign = () => void (lastSignMs = performance.now())
  // While the broker is away, what it logs of its attempts is all that kafkajs tells.
  const client = createClient(settings, log, 30_000, { onLogLine: sign })
  const consumer = client.consumer({
    groupId: settings.groupId,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: heartbeatIntervalMs,
    maxWaitTimeInMs: 100,
    // The topic is made by `ensureTopic`, with the partitions that were asked for.
    allowAutoTopicCreation: false,
    retry: { restartOnFailure: () => Promise.resolve(true) },
  })
  /** Offsets to commit: a hint for the next start and for dashboards, the sink's are the truth. */
  const hints = new Map<number, string>()
  const commitHints = async () => {
    const partitions = [...hints].map(([partition, offset]) => ({ partition, offset }))
    hints.clear()
    await consumer
      .commitOffsets(partitions.map((one) => ({ topic: settings.topic, ...one })))
      .catch(() => {}) // partitions that are no longer ours, or a broker that is away
  }
  let committing: NodeJS.Timeout | undefined
  /** Partitions that were sent back to an offset, and where they stood then. */
  const soughtTo = new Map<number, number>()

  return {
    async start(sink, onFatal) {
      sign()
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        log.warn({ reason: payload.error.message, restart: payload.restart }, 'consumer crashed')
        if (!payload.restart) onFatal(`the Kafka consumer stopped: ${payload.error.message}`)
      })
      const { FETCH_START, FETCH, HEARTBEAT, GROUP_JOIN } = consumer.events
      for (const event of [FETCH_START, FETCH, HEARTBEAT, GROUP_JOIN]) consumer.on(event, sign)
      await consumer.connect()
      committing = setInterval(() => void commitHints(), commitEveryMs)
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
            sign()
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
                hints.set(partition, String(Number(last.offset) + 1))
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
    lastSignMs: () => lastSignMs,
    async stop() {
      clearInterval(committing)
      await commitHints()
      await consumer.disconnect()
    },
  }
}

/** Each partition's end: the offset of its next record. Empty when there is no such topic. */
export const readTopicEnds = async (
  settings: KafkaSettings,
  log: Log,
  timeoutMs: number,
): Promise<Map<number, number>> => {
  const admin = createClient(settings, log, timeoutMs).admin()
  try {
    return await withTimeout(timeoutMs, async () => {
      await admin.connect()
      // Asked for by name, a topic that is not there would be made, or asked for until the timeout.
      if (!(await admin.listTopics()).includes(settings.topic)) return new Map<number, number>()
      const partitions = await admin.fetchTopicOffsets(settings.topic)
      return new Map(partitions.map(({ partition, high }) => [partition, Number(high)]))
    })
  } finally {
    void admin.disconnect().catch(() => {})
  }
}
