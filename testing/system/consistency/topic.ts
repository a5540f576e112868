// The topic as an operator sees and changes it, through a Kafka client that is not the product's.

import { Kafka, logLevel, type Admin } from 'kafkajs'
import { eventually } from '../../eventually.ts'
import type { Draw } from './fault.ts'

type Topic = { readonly brokers: string; readonly topic: string }

const addedMax = 3
/** A long run must not end with hundreds. */
const partitionsMax = 24

export const asOperator = async <T>(
  brokers: string,
  work: (admin: Admin) => Promise<T>,
): Promise<T> => {
  const admin = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Each partition's end. */
export const readTopicEnds = ({ brokers, topic }: Topic): Promise<Map<number, number>> =>
  asOperator(brokers, async (admin) => {
    const offsets = await admin.fetchTopicOffsets(topic)
    return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]))
  })

/** Resolves with how many there are now. */
export const addPartitions = ({ brokers, topic }: Topic, draw: Draw): Promise<string> =>
  asOperator(brokers, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    const now = topics[0]?.partitions.length ?? 0
    const count = Math.min(now + 1 + draw(addedMax), partitionsMax)
    if (count > now) await admin.createPartitions({ topicPartitions: [{ topic, count }] })
    return `(${count} now)`
  })

/** Deleted, and made again under its name. Under load a broker takes seconds to believe either. */
export const makeTopicAnew = async (place: Topic, numPartitions: number): Promise<void> => {
  const { brokers, topic } = place
  await asOperator(brokers, async (admin) => {
    await admin.deleteTopics({ topics: [topic] })
    const create = () =>
      admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: false })
    await eventually(
      () => create().catch(() => false),
      (made) => made,
    )
  })
  await eventually(
    () => readTopicEnds(place).catch(() => new Map()),
    ({ size }) => size === numPartitions,
  )
}
