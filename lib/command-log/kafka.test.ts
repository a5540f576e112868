// The Kafka driver when the broker is killed and comes back: nothing acknowledged is lost, nothing
// hangs, and no restart of ours is needed.

import { Kafka, logLevel } from 'kafkajs'
import t from 'tap'
import { startKafka } from '../../scripts/services/kafka.ts'
import { eventually, orSkip, quiet, testDirectory, testTopic } from '../../scripts/testing.ts'
import type { Command } from '../command.ts'
import { createKafkaPublisher, ensureTopic } from './kafka.ts'

t.test('a broker killed amid writes', async (t) => {
  const directory = await testDirectory(t)
  const first = await orSkip(t, () => startKafka({ directory }))
  if (!first) return
  let broker = first
  t.teardown(() => broker.stop())
  const settings = { brokers: broker.url, topic: testTopic() }
  await ensureTopic({ ...settings, partitions: 2, replicationFactor: 1 }, quiet, 20_000)
  const publisher = createKafkaPublisher({ ...settings, queueMax: 1_000, timeoutMs: 1_000 }, quiet)
  t.teardown(() => publisher.close())

  let made = 0
  const publish = async () => {
    const command: Command = {
      ...{ kind: 'delete', commandId: `c${++made}`, todoId: `t${made % 7}`, userId: 'a', atMs: 1 },
    }
    return { id: command.commandId, outcome: await publisher.publish(command) }
  }
  const isAcknowledged = async () => (await publish()).outcome.kind === 'acknowledged'
  await eventually(isAcknowledged, (is) => is, 30_000)

  const outcomes = new Map<string, string>()
  let isStopped = false
  const writers = Promise.all(
    Array.from({ length: 20 }, async () => {
      while (!isStopped) {
        const { id, outcome } = await publish()
        outcomes.set(id, outcome.kind)
        // Refused at once: a client would not ask again at once either.
        if (outcome.kind !== 'acknowledged') await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }),
  )
  for (let kill = 0; kill < 2; kill++) {
    const before = outcomes.size
    await eventually(
      () => outcomes.size,
      (size) => size > before + 200,
      30_000,
    )
    broker.kill('SIGKILL')
    await broker.exited
    await eventually(
      () => [...outcomes.values()].slice(before),
      (kinds) => kinds.includes('refused'),
    )
    broker = await startKafka({ directory, port: broker.port })
    const restarted = outcomes.size
    await eventually(
      () => [...outcomes.values()].slice(restarted),
      (kinds) => kinds.filter((kind) => kind === 'acknowledged').length > 200,
      60_000,
    )
  }
  isStopped = true
  await writers

  const { ids: logged, ends } = await readAll(settings)
  const acknowledged = [...outcomes].filter(([, kind]) => kind === 'acknowledged').map(([id]) => id)
  const refused = [...outcomes].filter(([, kind]) => kind === 'refused').map(([id]) => id)
  t.comment(
    `${acknowledged.length} acknowledged, ${refused.length} refused, ${outcomes.size} in all; ` +
      `the log ends at ${[...ends.values()].join(' and ')} with ${logged.size} different commands`,
  )
  t.same(
    acknowledged.filter((id) => !logged.has(id)),
    [],
    'every acknowledged command is in the log',
  )
  t.same(
    refused.filter((id) => logged.has(id)),
    [],
    'none that was refused is',
  )
})

/** The ids of all commands in the topic. */
const readAll = async ({ brokers, topic }: { brokers: string; topic: string }) => {
  const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const offsets = await admin.fetchTopicOffsets(topic)
  await admin.disconnect()
  const ends = new Map(offsets.map(({ partition, high }) => [partition, Number(high)]))
  const read = new Map<number, number>()
  const ids = new Set<string>()
  const consumer = kafka.consumer({ groupId: `${topic}-check` })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await new Promise<void>((resolve) => {
    // To the end of each partition: a rebalance delivers some twice, so counting them ends too soon.
    const isAllRead = () => [...ends].every(([partition, end]) => (read.get(partition) ?? 0) >= end)
    void consumer.run({
      eachMessage({ partition, message }) {
        ids.add((JSON.parse(String(message.value)) as Command).commandId)
        read.set(partition, Math.max(read.get(partition) ?? 0, Number(message.offset) + 1))
        if (isAllRead()) resolve()
        return Promise.resolve()
      },
    })
  })
  await consumer.disconnect()
  return { ids, ends }
}
