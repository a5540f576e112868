// One kafkajs consumer over connections of its own, from joining the group to its end. It ends itself
// when kafkajs gives up, whatever the reason: consumer.ts then begins another.

import type { EachBatchPayload } from 'kafkajs'
import type { Log } from '../../runtime/log.ts'
import { withTimeout } from '../../runtime/deadline.ts'
import { createClient, retryEveryMs, silentMsMax, type KafkaSettings } from './client.ts'
import { replaceLostCoordinators } from './coordinator.ts'
import { explainFailure, plainText } from './security.ts'
import { createOwnSockets } from './sockets.ts'

export type { EachBatchPayload } from 'kafkajs'

export type SessionSettings = KafkaSettings & {
  readonly groupId: string
  readonly partitionsAtOnce: number
}

export type SessionEvents = {
  /** It did something: waiting for the broker and trying again are things, too. */
  onSign(): void
  onJoined(): void
  /** It opens a connection. */
  onOpen(): void
  /** Records are asked for from this broker. */
  onFetch(nodeId: string): void
  /** Resolves with whether the batch is applied. `isOver`: to be given up. */
  onBatch(batch: EachBatchPayload['batch'], isOver: () => boolean): Promise<boolean>
}

export type Session = {
  /** Resolves with the reason once it is over; its connections are closed by then. */
  readonly ended: Promise<Error>
  /** Whether records of this partition are its to deliver: all are while it is in no group. */
  isOurs(partition: number): boolean
  /** Delivers nothing of a partition until `goOn`. */
  hold(partition: number): void
  goOn(partition: number, offset: number): void
  end(reason: Error): void
  /** Leaves the group, unless the broker does not answer. */
  leave(): Promise<void>
}

/** Heartbeats go out this often while a batch is applied, well inside the session timeout. */
const heartbeatIntervalMs = 1_000
const sessionTimeoutMs = 10_000
/** A worker whose batch hangs is not waited for longer: the sink knows what it has applied. */
const rebalanceTimeoutMs = 10_000
/** The broker answers JoinGroup after the longer of the two at the latest. */
const groupSilentMsMax = rebalanceTimeoutMs + silentMsMax
/** A broker that is down is not waited for: it misses us after the session timeout. */
const leaveTimeoutMs = 5_000
const endTimeoutMs = 1_000
/** Partitions that were added are consumed after this: by default kafkajs asks every five minutes. */
const newPartitionsMs = 2_000
/** Once a batch, it was a third of the broker's work. */
const commitEveryMs = 1_000
/** A session that ended tries for so long behind our back, over connections that cannot be opened. */
const retriesMax = 30_000 / retryEveryMs
/** While new connections are silent too, each attempt finds one. */
const silenceLoggedEveryMs = 10_000

export const openSession = (settings: SessionSettings, log: Log, on: SessionEvents): Session => {
  const { topic } = settings
  let isOver = false
  let assigned: ReadonlySet<number> | undefined
  let resolveEnded: (reason: Error) => void = () => {}
  const ended = new Promise<Error>((resolve) => (resolveEnded = resolve))

  let silenceLoggedMs = -Infinity
  const sockets = createOwnSockets({
    silentMsMax,
    groupSilentMsMax,
    onOpen: on.onOpen,
    onSilent(reason) {
      if (isOver || performance.now() - silenceLoggedMs < silenceLoggedEveryMs) return
      silenceLoggedMs = performance.now()
      log.warn({ reason }, 'Kafka does not answer on a connection: replaced')
    },
  })
  const client = createClient(settings, log, 30_000, {
    retries: retriesMax,
    socketFactory: sockets.factory,
    // While the broker is down, what it logs of its attempts is all that kafkajs reports.
    onLogLine: () => !isOver && on.onSign(),
  })
  replaceLostCoordinators(client)
  const consumer = client.consumer({
    groupId: settings.groupId,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: rebalanceTimeoutMs,
    heartbeatInterval: heartbeatIntervalMs,
    maxWaitTimeInMs: 100,
    metadataMaxAge: newPartitionsMs,
    // The topic is made by `ensureTopic`, with the partitions that were asked for.
    allowAutoTopicCreation: false,
    retry: { retries: retriesMax, restartOnFailure: () => Promise.resolve(false) },
  })

  /** Offsets to commit: a hint for the next start and for dashboards, the sink's offsets decide. */
  const hints = new Map<number, string>()
  const commitHints = async () => {
    const partitions = [...hints].map(([partition, offset]) => ({ topic, partition, offset }))
    hints.clear()
    // Partitions that are no longer ours, or a broker that is down.
    await consumer.commitOffsets(partitions).catch(() => {})
  }
  const committing = setInterval(() => void commitHints(), commitEveryMs)

  const end = (reason: Error) => {
    if (isOver) return
    isOver = true
    clearInterval(committing)
    // A member that did not leave is waited for by the others until its session is over.
    withTimeout(endTimeoutMs, () => consumer.disconnect())
      .catch(() => {})
      .finally(() => {
        sockets.discard()
        resolveEnded(reason)
      })
  }

  const fail = (error: Error) =>
    end(explainFailure(error, settings.security ?? plainText, sockets.lastFault()))

  const { CRASH, REBALANCING, GROUP_JOIN, FETCH_START, FETCH, HEARTBEAT } = consumer.events
  consumer.on(CRASH, ({ payload }) => fail(payload.error))
  consumer.on(REBALANCING, () => (assigned = undefined))
  consumer.on(GROUP_JOIN, ({ payload }) => {
    assigned = new Set(payload.memberAssignment[topic] ?? [])
    on.onJoined()
  })
  consumer.on(FETCH_START, ({ payload }) => on.onFetch(String(payload.nodeId)))
  for (const event of [FETCH_START, FETCH, HEARTBEAT, GROUP_JOIN]) {
    consumer.on(event, () => !isOver && on.onSign())
  }

  const eachBatch = async (payload: EachBatchPayload) => {
    const { batch, heartbeat, isRunning, isStale, resolveOffset } = payload
    const last = batch.messages.at(-1)
    if (!last || isOver) return
    const heartbeats = setInterval(() => {
      on.onSign()
      heartbeat().catch(() => {}) // the next fetch finds out why
    }, heartbeatIntervalMs)
    try {
      const isApplied = await on.onBatch(batch, () => isOver || isStale() || !isRunning())
      if (!isApplied || isOver) return
      resolveOffset(last.offset)
      hints.set(batch.partition, String(Number(last.offset) + 1))
    } finally {
      clearInterval(heartbeats)
    }
  }

  /** kafkajs throws once it is ending: the next session begins where it must. */
  const unlessOver = (steer: () => void) => {
    try {
      if (!isOver) steer()
    } catch (error) {
      log.debug({ reason: (error as Error).message }, 'the Kafka consumer is ending')
    }
  }

  const begin = async () => {
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      // Else a batch that was abandoned counts as done, and waits until something newer comes.
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: settings.partitionsAtOnce,
      eachBatch,
    })
  }
  begin().catch(fail)

  return {
    ended,
    isOurs: (partition) => assigned?.has(partition) ?? true,
    hold: (partition) => unlessOver(() => consumer.pause([{ topic, partitions: [partition] }])),
    goOn(partition, offset) {
      unlessOver(() => {
        consumer.seek({ topic, partition, offset: String(offset) })
        consumer.resume([{ topic, partitions: [partition] }])
      })
    },
    end,
    async leave() {
      clearInterval(committing)
      await withTimeout(leaveTimeoutMs, async () => {
        await commitHints()
        await consumer.disconnect()
      }).catch((error: Error) => {
        log.warn({ reason: error.message }, 'left the consumer group without notifying Kafka')
      })
      end(new Error('it left the group'))
    },
  }
}
