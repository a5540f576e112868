// The publisher and a topic that changes under it: more partitions are used without a failed send, and a
// topic that is deleted is not made anew by asking for it.

import { Kafka, logLevel } from 'kafkajs'
import t, { type Test } from 'tap'
import { startKafka } from '../../../scripts/stack/kafka.ts'
import { eventually, startTimeoutMs } from '../../../testing/eventually.ts'
import { orSkip, testDirectory, testTopic } from '../../../testing/services.ts'
import { silentLog } from '../../../testing/settings.ts'
import { openGate } from '../command-log.ts'
import { createTopicProbe } from '../../drivers/kafka/identity.ts'
import { unacknowledged } from './lane.ts'
import { createKafkaPublisher } from './publisher.ts'
import { ensureTopic, growTopic } from '../../drivers/kafka/topic.ts'

const publisherOf = async (
  t: Test,
  brokers: string,
  partitions: () => number,
  recordsMax?: number,
) => {
  const settings = { brokers, topic: testTopic() }
  await ensureTopic(
    { ...settings, partitions: partitions(), replicationFactor: 1 },
    silentLog,
    startTimeoutMs,
  )
  let producers = 0
  const publisher = createKafkaPublisher(
    { ...settings, queueMax: 1_000, waitMaxMs: 5_000, timeoutMs: 5_000 },
    {
      ...openGate(0),
      partitions,
      verify() {
        producers++
        return Promise.resolve()
      },
    },
    silentLog,
    recordsMax,
  )
  t.teardown(() => publisher.close())
  let made = 0
  const publish = () =>
    publisher.publish({
      kind: 'delete',
      commandId: `c${++made}`,
      todoId: `t${made}`,
      userId: 'ann',
      atMs: 1,
    })
  await eventually(publish, ({ kind }) => kind === 'acknowledged', startTimeoutMs)
  return { settings, publish, producers: () => producers }
}

void t.test('which partitions have no acknowledgement', async (t) => {
  const of = (...partitions: number[]) => partitions.map((partition) => ({ partition }))
  t.same(unacknowledged(of(1, 0, 1), of(0, 1)), [])
  t.same(unacknowledged(of(1, 2, 3), of(2)), [1, 3])
  t.same(unacknowledged(of(1, 2), of(2, 2)), [1], 'one partition twice is not two')
})

void t.test('with a broker that makes topics which are asked for', async (t) => {
  const directory = await testDirectory(t)
  const broker = await orSkip(t, () =>
    startKafka({ directory, settings: { 'auto.create.topics.enable': true } }),
  )
  if (!broker) return
  t.teardown(() => broker.stop())

  await t.test('partitions that were added are used without a failed send', async (t) => {
    let partitions = 2
    const { settings, publish } = await publisherOf(t, broker.url, () => partitions)
    const added = { ...settings, partitions: 8 }
    await growTopic(added, silentLog, startTimeoutMs)
    const probe = createTopicProbe(settings, silentLog)
    t.teardown(() => probe.close())
    await eventually(
      () => probe.find().catch(() => undefined),
      (found) => found?.partitions === added.partitions,
      startTimeoutMs,
    )
    // `npm run command-log -- partitions` waits for longer.
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    partitions = added.partitions
    const outcomes = await Promise.all(Array.from({ length: 100 }, publish))
    t.same(
      outcomes.filter(({ kind }) => kind !== 'acknowledged'),
      [],
    )
  })

  await t.test('a producer is replaced before its records run out of numbers', async (t) => {
    const recordsMax = 10
    const { publish, producers } = await publisherOf(t, broker.url, () => 1, recordsMax)
    const sends = 5
    for (let i = 0; i < sends; i++) {
      const outcomes = await Promise.all(Array.from({ length: recordsMax }, publish))
      t.ok(outcomes.every(({ kind }) => kind === 'acknowledged'))
    }
    t.ok(producers() >= sends, `${producers()} producers`)
  })

  await t.test('a topic that is deleted is not made anew by who publishes', async (t) => {
    const { settings, publish } = await publisherOf(t, broker.url, () => 1)
    const admin = new Kafka({ brokers: [broker.url], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    t.teardown(() => admin.disconnect())
    await admin.deleteTopics({ topics: [settings.topic] })
    const listed = async () => (await admin.listTopics()).includes(settings.topic)
    await eventually(listed, (is) => !is, startTimeoutMs)
    t.not((await publish()).kind, 'acknowledged')
    t.notOk(await listed())
  })
})
