// The topic of the commands: made unless it is there, and where its partitions begin and end.

import { setTimeout as delay } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import type { Log } from '../../runtime/log.ts'
import type { Bounds } from '../../domain/log-identity.ts'
import { withAdmin, type KafkaSettings } from './client.ts'
import { createKeptAdmin } from './kept-admin.ts'
import { minInsyncName, type Replicas } from './replication.ts'

/** Far above any outage that a worker must be able to sit out. */
export const retentionMs = 30 * 24 * 3600 * 1000

const madeAskEveryMs = 50

/** Makes the topic unless it is there; returns how many partitions it has. */
export const ensureTopic = async (
  settings: KafkaSettings & { partitions: number } & Pick<Replicas, 'replicationFactor'> &
    Partial<Replicas>,
  log: Log,
  timeoutMs: number,
): Promise<number> =>
  withAdmin(settings, log, timeoutMs, async (admin) => {
    const startedMs = performance.now()
    const { minInsyncReplicas = 1 } = settings
    await admin.createTopics({
      // kafkajs gives up when the broker that it asks does not know the topic yet.
      waitForLeaders: false,
      topics: [
        {
          topic: settings.topic,
          numPartitions: settings.partitions,
          replicationFactor: settings.replicationFactor,
          configEntries: [
            { name: 'cleanup.policy', value: 'delete' },
            { name: 'retention.ms', value: String(retentionMs) },
            ...(minInsyncReplicas > 1
              ? [{ name: minInsyncName, value: String(minInsyncReplicas) }]
              : []),
          ],
        },
      ],
    })
    for (;;) {
      try {
        const { topics } = await admin.fetchTopicMetadata({ topics: [settings.topic] })
        return topics[0]?.partitions.length ?? 0
      } catch (error) {
        const { type } = error as { type?: unknown }
        const isLate = performance.now() - startedMs > timeoutMs
        if (type !== 'UNKNOWN_TOPIC_OR_PARTITION' || isLate) throw error
        await delay(madeAskEveryMs)
      }
    }
  })

/** The range of each partition. Empty when there is no such topic. */
export const readTopicRanges = async (
  settings: KafkaSettings,
  log: Log,
  timeoutMs: number,
): Promise<Map<number, Bounds>> =>
  withAdmin(settings, log, timeoutMs, async (admin) => {
    // Asked for by name, a topic that is not there would be made, or asked for until the timeout.
    if (!(await admin.listTopics()).includes(settings.topic)) return new Map<number, Bounds>()
    return boundsOnceLed(admin, settings.topic, timeoutMs)
  })

/** LEADER_NOT_AVAILABLE: also of a new leader that does not know yet what all replicas have. */
const notLedYet: readonly unknown[] = ['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE']

/** A topic that was just made, or whose leader moved, has partitions without a leader for a moment. */
const boundsOnceLed = async (admin: Admin, topic: string, timeoutMs: number) => {
  const startedMs = performance.now()
  for (;;) {
    try {
      return boundsOf(await admin.fetchTopicOffsets(topic))
    } catch (error) {
      const { type } = error as { type?: unknown }
      const isLate = performance.now() - startedMs > timeoutMs
      if (!notLedYet.includes(type) || isLate) throw error
      await delay(madeAskEveryMs)
    }
  }
}

const boundsOf = (
  partitions: readonly { partition: number; low: string; high: string }[],
): Map<number, Bounds> =>
  new Map(
    partitions.map(({ partition, low, high }) => [
      partition,
      { first: Number(low), end: Number(high) },
    ]),
  )

/** Adds partitions until there are so many. */
export const growTopic = async (
  settings: KafkaSettings & { partitions: number },
  log: Log,
  timeoutMs: number,
): Promise<void> =>
  withAdmin(settings, log, timeoutMs, async (admin) => {
    const count = settings.partitions
    await admin.createPartitions({ topicPartitions: [{ topic: settings.topic, count }] })
  })

export type BoundsReader = {
  /** Asks the partitions' leaders. Rejects in time, and begins with fresh connections after that. */
  read(): Promise<Map<number, Bounds>>
  close(): void
}
const boundsTimeoutMs = 5_000

/** For those who ask again and again. */
export const createBoundsReader = (settings: KafkaSettings, log: Log): BoundsReader => {
  const admin = createKeptAdmin(settings, log, boundsTimeoutMs)
  return {
    read: () => admin.ask(async (one) => boundsOf(await one.fetchTopicOffsets(settings.topic))),
    close: admin.close,
  }
}
