// A topic that gets more partitions while commands are published and applied.

import { Kafka, logLevel } from 'kafkajs'
import type { Draw } from './fault.ts'
import type { LogPlace } from './read-back.ts'

const addedMax = 3
/** A long run must not end with hundreds. */
const partitionsMax = 24

/** Resolves with how many there are now. */
export const addPartitions = async ({ brokers, topic }: LogPlace, draw: Draw): Promise<string> => {
  const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    const now = topics[0]?.partitions.length ?? 0
    const count = Math.min(now + 1 + draw(addedMax), partitionsMax)
    if (count > now) await admin.createPartitions({ topicPartitions: [{ topic, count }] })
    return `, ${count} now`
  } finally {
    await admin.disconnect()
  }
}
