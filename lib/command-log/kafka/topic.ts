// The topic of the commands: made unless it is there, and where its partitions end.

import type { Log } from '../../log.ts'
import { withTimeout } from '../../with-timeout.ts'
import { createClient, type KafkaSettings } from './client.ts'

/** Far above any outage that a worker must be able to sit out. */
const retentionMs = 30 * 24 * 3600 * 1000

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
