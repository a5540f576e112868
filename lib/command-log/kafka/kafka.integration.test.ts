// The Kafka driver when the broker is killed and comes back: nothing acknowledged is lost, nothing
// hangs, and no restart of ours is needed.

import t from 'tap'
import { startKafka } from '../../../scripts/stack/kafka.ts'
import { eventually, startTimeoutMs } from '../../../testing/eventually.ts'
import { orSkip, testDirectory, testTopic } from '../../../testing/services.ts'
import { silentLog } from '../../../testing/settings.ts'
import type { Command } from '../../domain/command.ts'
import { openGate } from '../command-log.ts'
import { createKafkaPublisher } from './publisher.ts'
import { ensureTopic } from '../../drivers/kafka/topic.ts'
import { readTopic } from '../../../testing/read-topic.ts'

t.test('a broker killed amid writes', async (t) => {
  const directory = await testDirectory(t)
  const first = await orSkip(t, () => startKafka({ directory }))
  if (!first) return
  let broker = first
  t.teardown(() => broker.stop())
  const settings = { brokers: broker.url, topic: testTopic() }
  await ensureTopic({ ...settings, partitions: 2, replicationFactor: 1 }, silentLog, 20_000)
  const publisher = createKafkaPublisher(
    { ...settings, queueMax: 1_000, waitMaxMs: 1_000, timeoutMs: 1_000 },
    openGate(2),
    silentLog,
  )
  t.teardown(() => publisher.close())

  let made = 0
  const publish = async () => {
    const command: Command = {
      kind: 'delete',
      commandId: `c${++made}`,
      todoId: `t${made % 7}`,
      userId: 'a',
      atMs: 1,
    }
    return { id: command.commandId, outcome: await publisher.publish(command) }
  }
  const isAcknowledged = async () => (await publish()).outcome.kind === 'acknowledged'
  await eventually(isAcknowledged, (is) => is, startTimeoutMs)

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
      startTimeoutMs,
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

  const { values, ends } = await readTopic(settings.brokers, settings.topic)
  const logged = new Set(values.map((value) => (JSON.parse(value) as Command).commandId))
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
