// Takes commands from Kafka. kafkajs's consumer goes to the end of the topic when an offset is out of
// range: so it always begins at the beginning, and the sink's own offset decides where it goes on.

import type { Log } from '../../log.ts'
import { withTimeout } from '../../with-timeout.ts'
import {
  lostCommands,
  type CommandConsumer,
  type DeliveryResult,
  type LogRecord,
} from '../command-log.ts'
import { shareProbe } from '../share-probe.ts'
import { createClient, type KafkaSettings } from './client.ts'
import { createTopicProbe } from './identity.ts'

/** Heartbeats go out this often while a batch is applied, well inside the session timeout. */
const heartbeatIntervalMs = 1_000
const sessionTimeoutMs = 10_000
/** A broker that is away is not waited for: it misses us after the session timeout. */
const leaveTimeoutMs = 5_000
/** Partitions that were added are consumed after this: by default kafkajs asks every five minutes. */
const newPartitionsMs = 2_000
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
  const probe = createTopicProbe(settings, log)
  const foundLog = shareProbe(probe)
  const consumer = client.consumer({
    groupId: settings.groupId,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: heartbeatIntervalMs,
    maxWaitTimeInMs: 100,
    metadataMaxAge: newPartitionsMs,
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
  let stopping = false
  const underWay = new Set<Promise<DeliveryResult>>()
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
      consumer.on(FETCH_START, ({ payload }) => probe.isFedBy(String(payload.nodeId)))
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
          if (!last || stopping) return
          const heartbeats = setInterval(() => {
            sign()
            heartbeat().catch(() => {}) // a failed one shows as isStale
          }, heartbeatIntervalMs)
          try {
            const delivered = sink({
              partition,
              records: batch.messages.map(({ offset, value }): LogRecord => ({
                offset: Number(offset),
                value,
              })),
              endOffset: Number(batch.highWatermark),
              foundLog,
              abandoned: () => stopping || isStale() || !isRunning(),
            })
            underWay.add(delivered)
            const result = await delivered.finally(() => underWay.delete(delivered))
            switch (result.kind) {
              case 'taken': {
                soughtTo.delete(partition)
                resolveOffset(last.offset)
                hints.set(partition, String(Number(last.offset) + 1))
                return
              }
              case 'abandoned':
                return
              case 'another-log':
                onFatal(result.reason)
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
      stopping = true
      clearInterval(committing)
      // Of several batches under way, kafkajs waits for one.
      await Promise.allSettled(underWay)
      await probe.close()
      await withTimeout(leaveTimeoutMs, async () => {
        await commitHints()
        await consumer.disconnect()
      }).catch((error: Error) => {
        log.warn({ reason: error.message }, 'left the consumer group without a word to Kafka')
      })
    },
  }
}
