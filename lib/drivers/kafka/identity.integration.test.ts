// Which topic it is, asked of a real broker: a topic that is made again is another one.

import { Kafka, logLevel } from 'kafkajs'
import t, { type Test } from 'tap'
import { restartable } from '../../../testing/restartable.ts'
import { startKafka } from '../../../scripts/stack/kafka.ts'
import { freePort } from '../../../scripts/stack/ports.ts'
import { eventually } from '../../../testing/eventually.ts'
import { orSkip, testKafka, testTopic } from '../../../testing/services.ts'
import { silentLog } from '../../../testing/settings.ts'
import { createTopicProbe } from './identity.ts'
import { ensureTopic, growTopic } from './topic.ts'

t.test('a topic keeps its identity until it is made again', async (t) => {
  const brokers = await testKafka(t)
  if (brokers === undefined) return
  const settings = { brokers, topic: testTopic() }
  const probe = createTopicProbe(settings, silentLog)
  t.teardown(() => probe.close())
  const make = () =>
    ensureTopic({ ...settings, partitions: 3, replicationFactor: 1 }, silentLog, 20_000)
  t.equal(await probe.find(), undefined, 'asking makes no topic')
  await make()
  const first = await probe.find()
  t.match(first, { identity: /^kafka:[\w-]{22}:[\w-]{22}$/, partitions: 3 })
  await make()
  probe.isFedBy('1')
  t.same(await probe.find(), first)
  await growTopic({ ...settings, partitions: 5 }, silentLog, 20_000)
  const grown = await eventually(probe.find, (found) => found?.partitions === 5)
  t.equal(grown?.identity, first?.identity)

  const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  await admin.deleteTopics({ topics: [settings.topic] })
  await admin.disconnect()
  await eventually(probe.find, (found) => found === undefined)
  await make()
  const again = await eventually(probe.find, (found) => found !== undefined)
  t.not(again?.identity, first?.identity)
  const another = createTopicProbe({ ...settings, topic: testTopic() }, silentLog)
  t.teardown(() => another.close())
  t.equal(await another.find(), undefined)
})

t.test('brokers of the list that refuse are passed over, wherever it begins', async (t) => {
  const broker = await testKafka(t)
  if (broker === undefined) return
  const gone = await Promise.all([freePort(), freePort()])
  const brokers = [...gone.map((port) => `127.0.0.1:${port}`), broker].join()
  // Each client begins with the next of the list.
  for (let begin = 0; begin < 3; begin++) {
    const probe = createTopicProbe({ brokers, topic: testTopic() }, silentLog)
    t.teardown(() => probe.close())
    t.equal(await probe.find(), undefined, 'there is no such topic, says the one that answers')
  }
})

t.test('who connected anew asks over a new connection', async (t) => {
  const own = await probeOfOwnBroker(t)
  if (!own) return
  const { broker, probe } = own
  const first = await probe.find()
  broker.gate.silence()
  probe.renew()
  t.same(await probe.find(), first)
})

t.test(
  'a broker that is killed and comes back is asked again, over a new connection',
  async (t) => {
    const own = await probeOfOwnBroker(t)
    if (!own) return
    const { broker, probe } = own
    const first = await probe.find()
    broker.freeze()
    await t.rejects(probe.find(), 'silence is an error, in bounded time')
    await broker.takeAway()
    await t.rejects(probe.find())
    await broker.giveBack()
    const found = () => probe.find().catch(() => undefined)
    t.same(await eventually(found, (seen) => seen !== undefined), first)
  },
)

const probeOfOwnBroker = async (t: Test) => {
  const broker = await orSkip(t, () => restartable(t, startKafka))
  if (!broker) return undefined
  const settings = { brokers: broker.url, topic: testTopic() }
  await ensureTopic({ ...settings, partitions: 1, replicationFactor: 1 }, silentLog, 20_000)
  const probe = createTopicProbe(settings, silentLog)
  t.teardown(() => probe.close())
  return { broker, probe }
}
