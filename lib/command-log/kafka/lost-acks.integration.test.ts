// Acknowledgements that never arrive (K1): a gate in front of a real broker forwards a produce
// request and swallows or cuts what comes back. What kafkajs makes of that alone, and what we do.

import { Kafka, logLevel, Partitioners } from 'kafkajs'
import t from 'tap'
import { restartable } from '../../../testing/restartable.ts'
import { startKafka } from '../../../scripts/stack/kafka.ts'
import { eventually, startTimeoutMs } from '../../../testing/eventually.ts'
import { orSkip, testTopic } from '../../../testing/services.ts'
import { silentLog } from '../../../testing/settings.ts'
import { seeded } from '../../../testing/seeded.ts'
import type { Command } from '../../domain/command.ts'
import { openGate } from '../command-log.ts'
import { createKafkaPublisher } from './publisher.ts'
import { ensureTopic } from '../../drivers/kafka/topic.ts'
import { readTopic } from '../../../testing/read-topic.ts'
import { lateCommands } from '../../../testing/stamp-order.ts'

const produceKey = 0
/** A request is its length, then which one it is; kafkajs writes each in one piece. */
const isProduce = (chunk: Buffer) => chunk.length > 6 && chunk.readInt16BE(4) === produceKey

const faultKinds = [
  'drop the answer',
  'cut before the answer',
  'cut before the request',
  'drop all answers for a while',
  'cut everything',
  'nobody accepts for a while',
] as const
type FaultKind = (typeof faultKinds)[number]

void t.test('acknowledgements that never arrive', async (t) => {
  const broker = await orSkip(t, () => restartable(t, startKafka))
  if (!broker) return
  const { gate, url: brokers } = broker
  const makeTopic = async (partitions: number) => {
    const topic = testTopic()
    await ensureTopic({ brokers, topic, partitions, replicationFactor: 1 }, silentLog, 20_000)
    return topic
  }

  // When this fails, kafkajs was mended, and the rule of one send in flight may be looked at again.
  await t.test('kafkajs alone, idempotent, with two sends waiting: one is lost', async (t) => {
    const topic = await makeTopic(1)
    const producer = new Kafka({
      brokers: [brokers],
      logLevel: logLevel.NOTHING,
      requestTimeout: 500,
      retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 100 },
    }).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
    })
    await producer.connect()
    const send = (value: string) =>
      producer.send({ topic, acks: -1, messages: [{ key: 'k', value }] })
    await send('first')
    let isWithheld = false
    gate.inspect('to-service', (chunk) => {
      if (!isWithheld && isProduce(chunk)) {
        isWithheld = true
        gate.inspect('to-client', () => {
          gate.inspect('to-client', () => 'pass')
          return 'drop'
        })
      }
      return 'pass'
    })
    const acknowledged = ['a', 'b', 'c'].map(async (value) => (await send(value), value))
    t.same(await Promise.all(acknowledged), ['a', 'b', 'c'], 'all three are acknowledged')
    gate.passAll()
    await producer.disconnect()
    const { values } = await readTopic(brokers, topic)
    t.same(values, ['first', 'a', 'b', 'a'], 'one is not in the log, one is in it twice')
  })

  await t.test(
    'ours: none that was acknowledged is lost, none that was refused is there',
    async (t) => {
      const random = seeded(t)
      const topic = await makeTopic(3)
      const publisher = createKafkaPublisher(
        { brokers, topic, queueMax: 1_000, waitMaxMs: 500, timeoutMs: 800 },
        openGate(3),
        silentLog,
      )
      t.teardown(() => publisher.close())
      const outcomes = new Map<string, string>()
      const publish = async () => {
        const commandId = `c${outcomes.size}`
        outcomes.set(commandId, 'pending')
        const command: Command = {
          kind: 'delete',
          commandId,
          todoId: `t${random.below(20)}`,
          userId: 'a',
          atMs: 1,
        }
        const { kind } = await publisher.publish(command)
        outcomes.set(commandId, kind)
        // A client that is refused does not ask again at once.
        if (kind !== 'acknowledged') await new Promise((resolve) => setTimeout(resolve, 20))
        return kind
      }
      await eventually(publish, (kind) => kind === 'acknowledged', startTimeoutMs)

      let isStopped = false
      const writers = Array.from({ length: 50 }, async () => {
        while (!isStopped) await publish()
      })
      const faults: Partial<Record<FaultKind, number>> = {}
      for (let round = 0; round < 30; round++) {
        const fault = faultKinds[random.below(faultKinds.length)] as FaultKind
        faults[fault] = (faults[fault] ?? 0) + 1
        let isDone = false
        const once = (verdict: 'drop' | 'cut') => () => {
          if (isDone) return 'pass' as const
          isDone = true
          return verdict
        }
        gate.inspect('to-service', (chunk) => {
          if (!isProduce(chunk) || isDone) return 'pass'
          if (fault === 'cut before the request') return once('cut')()
          if (fault === 'drop the answer') gate.inspect('to-client', once('drop'))
          if (fault === 'cut before the answer') gate.inspect('to-client', once('cut'))
          return 'pass'
        })
        if (fault === 'drop all answers for a while') gate.inspect('to-client', () => 'drop')
        if (fault === 'nobody accepts for a while') await gate.shut()
        if (fault === 'cut everything') gate.cut()
        const for_ = 50 + random.below(900)
        await new Promise((resolve) => setTimeout(resolve, for_))
        gate.passAll()
        if (fault === 'nobody accepts for a while') await gate.open()
        const before = outcomes.size
        await eventually(
          () => [...outcomes.values()].slice(before),
          (kinds) => kinds.filter((kind) => kind === 'acknowledged').length > 50,
          startTimeoutMs,
        )
      }
      isStopped = true
      await Promise.all(writers)

      const { records, values } = await readTopic(brokers, topic)
      const logged = values.map((value) => (JSON.parse(value) as Command).commandId)
      const inLog = new Set(logged)
      const those = (kind: string) =>
        [...outcomes].filter((one) => one[1] === kind).map(([id]) => id)
      t.comment(
        `${JSON.stringify(faults)}: ${those('acknowledged').length} acknowledged, ` +
          `${those('refused').length} refused, ${those('unknown').length} in doubt; ` +
          `${logged.length - inLog.size} are in the log twice, for the worker to see`,
      )
      t.same(
        those('acknowledged').filter((id) => !inLog.has(id)),
        [],
      )
      t.same(
        those('refused').filter((id) => inLog.has(id)),
        [],
      )
      const late = lateCommands(records)
      t.same(
        late.filter((id) => outcomes.get(id) !== 'unknown'),
        [],
        `of those that were acknowledged none is behind a newer one, ${late.length} in doubt are`,
      )
      t.ok(those('unknown').length > 0, 'some were in doubt, or nothing was tested')
    },
  )
})
