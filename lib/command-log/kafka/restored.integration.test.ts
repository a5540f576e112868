// A database that was restored from a backup is behind what Kafka remembers of the group. Nothing new may
// come for long, so a consumer that is told where the database is goes back there by itself.

import t from 'tap'
import { eventually, startTimeoutMs } from '../../../testing/eventually.ts'
import { testKafka, testTopic } from '../../../testing/services.ts'
import { silentLog } from '../../../testing/settings.ts'
import { ensureTopic } from '../../drivers/kafka/topic.ts'
import { openGate, type Sink } from '../command-log.ts'
import { createKafkaConsumer } from './consumer.ts'
import { createKafkaPublisher } from './publisher.ts'

const partitions = 2
const count = 12

t.test('restarted at the positions of a restored database, it delivers from there', async (t) => {
  const brokers = await testKafka(t)
  if (brokers === undefined) return
  const settings = { brokers, topic: testTopic() }
  await ensureTopic({ ...settings, partitions, replicationFactor: 1 }, silentLog, 20_000)
  const bounds = { queueMax: 100, waitMaxMs: 10_000, timeoutMs: 10_000 }
  const publisher = createKafkaPublisher(
    { ...settings, ...bounds },
    openGate(partitions),
    silentLog,
  )
  t.teardown(() => publisher.close())
  const isUp = () =>
    publisher.ping().then(
      () => true,
      () => false,
    )
  await eventually(isUp, (is) => is, startTimeoutMs)
  for (let i = 0; i < count; i++) {
    const change = { commandId: `c${i}`, todoId: `t${i}`, userId: 'a', atMs: 1 }
    t.equal((await publisher.publish({ kind: 'delete', ...change })).kind, 'acknowledged')
  }

  const consume = async () => {
    const seen: string[] = []
    const sink: Sink = ({ partition, records }) => {
      for (const { offset } of records) seen.push(`${partition}:${offset}`)
      return Promise.resolve({ kind: 'applied' })
    }
    const consumer = createKafkaConsumer(
      { ...settings, groupId: `${settings.topic}-worker`, partitionsAtOnce: partitions },
      silentLog,
    )
    t.teardown(() => consumer.stop())
    await consumer.start(sink, (reason) => t.fail(reason))
    return { consumer, seen }
  }

  const first = await consume()
  await eventually(
    () => first.seen.length,
    (length) => length === count,
    startTimeoutMs,
  )
  const all = [...first.seen].sort()
  await first.consumer.stop() // and Kafka remembers the end of each partition

  const second = await consume()
  second.consumer.restart(
    'the database was restored',
    new Map([
      [0, 0],
      [1, 1],
    ]),
  )
  const expected = all.filter((one) => one !== '1:0')
  await eventually(
    () => [...second.seen].sort(),
    (seen) => seen.length >= expected.length,
    startTimeoutMs,
  )
  t.same([...second.seen].sort(), expected)
})
