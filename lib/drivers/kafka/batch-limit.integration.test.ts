// Batches in bytes, against a real broker: none is larger than the topic takes, whatever it takes and
// whenever that changes, and a command that it takes in no batch is refused alone.

import kafkajs, { Kafka, logLevel } from 'kafkajs'
import t, { type Test } from 'tap'
import { pino } from 'pino'
import { eventually, startTimeoutMs } from '../../../testing/eventually.ts'
import { silentLog } from '../../../testing/settings.ts'
import { seeded } from '../../../testing/seeded.ts'
import { testKafka, testTopic } from '../../../testing/services.ts'
import type { Command } from '../../domain/command.ts'
import type { Log } from '../../runtime/log.ts'
import { openGate } from '../../command-log/command-log.ts'
import type { BatchOutcome } from '../../runtime/micro-batch.ts'
import { readTopic } from '../../../testing/read-topic.ts'
import { lateCommands } from '../../../testing/stamp-order.ts'
import { createKafkaConsumer } from '../../command-log/kafka/consumer.ts'
import { createKafkaPublisher } from '../../command-log/kafka/publisher.ts'
import { ensureTopic } from './topic.ts'

const bounds = { queueMax: 10_000, waitMaxMs: 60_000, timeoutMs: 30_000 }

let made = 0
const creation = (bytes: number): Command => ({
  kind: 'create',
  commandId: `c${++made}`,
  todoId: `t${made}`,
  userId: 'ann',
  atMs: 1,
  title: 'x',
  description: '\u{1F600}'.repeat(bytes / 4),
})

const setUp = async (
  t: Test,
  brokers: string,
  options: { partitions: number; maxMessageBytes?: number; log?: Log },
) => {
  const topic = testTopic()
  const { partitions, maxMessageBytes, log = silentLog } = options
  await ensureTopic({ brokers, topic, partitions, replicationFactor: 1 }, silentLog, startTimeoutMs)
  const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  t.teardown(() => admin.disconnect())
  const limitTo = (bytes: number) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: topic,
          configEntries: [{ name: 'max.message.bytes', value: String(bytes) }],
        },
      ],
    })
  if (maxMessageBytes !== undefined) await limitTo(maxMessageBytes)
  const publisher = createKafkaPublisher({ brokers, topic, ...bounds }, openGate(partitions), log)
  t.teardown(() => publisher.close())
  const isUp = () => publisher.ping().then(...([() => true, () => false] as const))
  await eventually(isUp, (is) => is, startTimeoutMs)
  const outcomes = new Map<string, BatchOutcome>()
  const publish = async (command: Command) => {
    const outcome = await publisher.publish(command)
    outcomes.set(command.commandId, outcome)
    return outcome
  }
  const idsOf = (kind: BatchOutcome['kind']) =>
    [...outcomes].filter(([, one]) => one.kind === kind).map(([id]) => id)
  /** Each that was acknowledged is in the log, in order, and none that was refused. */
  const checkLog = async () => {
    const { records, values } = await readTopic(brokers, topic)
    const logged = values.map((value) => (JSON.parse(value) as Command).commandId)
    const inLog = new Set(logged)
    t.same(
      idsOf('acknowledged').filter((id) => !inLog.has(id)),
      [],
    )
    t.same(
      idsOf('refused').filter((id) => inLog.has(id)),
      [],
    )
    t.same(lateCommands(records), [], 'sent again, each keeps its number')
    return { twice: logged.length - inLog.size }
  }
  return { topic, limitTo, publish, idsOf, checkLog }
}

/** A log whose lines the test reads. */
const readableLog = () => {
  const lines: { level: number; msg: string; reason?: string }[] = []
  const write = (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number])
  return { lines, log: pino({ level: 'info' }, { write }) }
}

void t.test('batches in bytes', async (t) => {
  const brokers = await testKafka(t)
  if (brokers === undefined) return

  for (const { partitions, count, maxMessageBytes } of [
    { partitions: 6, count: 1_000 },
    { partitions: 1, count: 200 },
    { partitions: 6, count: 500, maxMessageBytes: 100_000 },
    { partitions: 1, count: 100, maxMessageBytes: 20_000 },
  ]) {
    const limit = maxMessageBytes ?? 'the usual'
    await t.test(
      `${count} of 8 KB at once, ${partitions} partitions, limit ${limit}`,
      async (t) => {
        const { publish, idsOf, checkLog } = await setUp(t, brokers, {
          partitions,
          ...(maxMessageBytes !== undefined && { maxMessageBytes }),
        })
        await Promise.all(
          Array.from({ length: count }, (_, i) => publish(creation(i % 10 === 0 ? 4 : 8_000))),
        )
        t.equal(idsOf('acknowledged').length, count)
        t.same(await checkLog(), { twice: 0 })
      },
    )
  }

  await t.test('one that the topic takes in no batch is refused alone', async (t) => {
    const { log, lines } = readableLog()
    const { topic, publish, idsOf, limitTo, checkLog } = await setUp(t, brokers, {
      partitions: 2,
      maxMessageBytes: 4_000,
      log,
    })
    const small = Array.from({ length: 50 }, () => publish(creation(400)))
    const large = Array.from({ length: 5 }, () => publish(creation(8_000)))
    const after = Array.from({ length: 50 }, () => publish(creation(400)))
    for (const one of await Promise.all(large)) {
      t.match(one, { kind: 'refused', cause: 'too-large' })
      t.match(one, { reason: new RegExp(`^it has 8\\d\\d\\d bytes, topic ${topic} takes 4000$`) })
    }
    await Promise.all([...small, ...after])
    t.equal(idsOf('acknowledged').length, 100)
    const told = lines.filter((line) => line.msg.includes('too large for the topic'))
    t.equal(told.length, 1, 'the operator is told once')
    t.match(told[0]?.msg, `set max.message.bytes of topic ${topic} to 1048588`)
    t.same(await checkLog(), { twice: 0 })

    await limitTo(20_000)
    await eventually(
      () => publish(creation(8_000)),
      (outcome) => outcome.kind === 'acknowledged',
    )
  })

  await t.test('a limit that is lowered amid writes fails none that still fits', async (t) => {
    const random = seeded(t)
    const { log, lines } = readableLog()
    const { publish, idsOf, limitTo, checkLog } = await setUp(t, brokers, { partitions: 3, log })
    let isStopped = false
    const writers = Array.from({ length: 200 }, async () => {
      while (!isStopped) await publish(creation(random.below(2) === 0 ? 40 : 4_000))
    })
    const more = async () => {
      const before = idsOf('acknowledged').length
      await eventually(
        () => idsOf('acknowledged').length,
        (now) => now > before + 1_000,
      )
    }
    for (const limit of [200_000, 50_000, 10_000]) {
      await more()
      await limitTo(limit)
    }
    await more()
    isStopped = true
    await Promise.all(writers)
    t.same([...idsOf('refused'), ...idsOf('unknown')], [])
    const { twice } = await checkLog()
    t.comment(`${idsOf('acknowledged').length} acknowledged, ${twice} are in the log twice`)
    t.ok(lines.some((line) => line.msg.includes('smaller batches than before')))
    const large = await publish(creation(12_000))
    t.match(large, { kind: 'refused', cause: 'too-large' })
  })

  await t.test('a batch as large as the topic takes is delivered', async (t) => {
    const { topic, publish, idsOf } = await setUp(t, brokers, {
      partitions: 1,
      maxMessageBytes: 8_000_000,
    })
    await Promise.all(Array.from({ length: 400 }, () => publish(creation(8_000))))
    t.equal(idsOf('acknowledged').length, 400)
    const consumer = createKafkaConsumer(
      { brokers, topic, groupId: topic, partitionsAtOnce: 1 },
      silentLog,
    )
    t.teardown(() => consumer.stop())
    let delivered = 0
    await consumer.start(
      ({ records }) => {
        delivered += records.length
        return Promise.resolve({ kind: 'applied' })
      },
      (reason) => t.fail(reason),
    )
    await eventually(
      () => delivered,
      (count) => count === 400,
      startTimeoutMs,
    )
  })
})
