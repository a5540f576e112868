// Reads a whole topic back, for tests: what the log really holds, whatever was answered.

import { Kafka, logLevel } from 'kafkajs'
import { eventually } from './eventually.ts'

/** Every record, in offset order within its partition, and each partition's end. */
export const readTopic = async (brokers: string, topic: string) => {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  // A leader that is new does not say for a moment what all replicas have.
  const offsets = await eventually(
    () => admin.fetchTopicOffsets(topic).catch(() => []),
    ({ length }) => length > 0,
  )
  await admin.disconnect()
  const ends = new Map(offsets.map(({ partition, high }) => [partition, Number(high)]))
  // A rebalance delivers some records twice: by partition and offset, each is kept once.
  const found = new Map([...ends.keys()].map((partition) => [partition, new Map<number, string>()]))
  const isAllRead = () =>
    [...ends].every(([partition, end]) => end === 0 || found.get(partition)?.has(end - 1))
  const consumer = kafka.consumer({ groupId: `${topic}-check-${Date.now()}` })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await new Promise<void>((resolve) => {
    if ([...ends.values()].every((end) => end === 0)) resolve()
    void consumer.run({
      eachMessage({ partition, message }) {
        found.get(partition)?.set(Number(message.offset), String(message.value))
        if (isAllRead()) resolve()
        return Promise.resolve()
      },
    })
  })
  await consumer.disconnect()
  const records = [...found].flatMap(([partition, values]) =>
    [...values].map(([offset, value]) => ({ partition, offset, value })),
  )
  return { records, values: records.map(({ value }) => value), ends }
}
