// The consumer against a real broker that fails: killed amid writes, silent on the connections that are
// open or on all of them, or back with an end that is too low. Nothing is lost, doubled or skipped.

import t, { type Test } from 'tap'
import { restartable } from '../../../testing/restartable.ts'
import { startKafka } from '../../../scripts/stack/kafka.ts'
import { eventually, startTimeoutMs } from '../../../testing/eventually.ts'
import { orSkip, testDirectory, testKafka, testTopic } from '../../../testing/services.ts'
import { silentLog } from '../../../testing/settings.ts'
import type { Command } from '../../domain/command.ts'
import type { DeliveryResult, Sink } from '../command-log.ts'
import { createKafkaConsumer } from './consumer.ts'
import { openGate } from '../command-log.ts'
import { createKafkaPublisher } from './publisher.ts'
import { createBoundsReader, ensureTopic } from '../../drivers/kafka/topic.ts'

const partitions = 2

/** A sink as the store's: it expects dense offsets, and compares each delivery with what it has. */
const memorySink = () => {
  const applied = new Map<number, string[]>()
  const results: string[] = []
  const sink: Sink = ({ partition, records, endOffset, inDoubt, abandoned }) => {
    const have = applied.get(partition) ?? []
    const settle = (result: DeliveryResult) => {
      results.push(result.kind)
      return Promise.resolve(result)
    }
    const expectedOffset = have.length
    if (abandoned()) return settle({ kind: 'abandoned' })
    const before = records.find(({ offset }) => offset === expectedOffset - 1)
    if (inDoubt && before) {
      results.push('compared')
      const { commandId } = JSON.parse(String(before.value)) as Command
      if (commandId !== have.at(-1)) return settle({ kind: 'rewritten', expectedOffset })
    }
    if (endOffset < expectedOffset) return settle({ kind: 'truncated', expectedOffset })
    const fresh = records.filter(({ offset }) => offset >= expectedOffset)
    if (fresh.some(({ offset }, i) => offset !== expectedOffset + i)) {
      return settle({ kind: 'gap', expectedOffset })
    }
    const ids = fresh.map(({ value }) => (JSON.parse(String(value)) as Command).commandId)
    applied.set(partition, [...have, ...ids])
    return settle({ kind: 'applied' })
  }
  return { sink, applied, results, all: () => [...applied.values()].flat() }
}

const setUp = async (t: Test, brokers: string, lossConfirmMs?: number) => {
  const topic = testTopic()
  const settings = { brokers, topic }
  await ensureTopic({ ...settings, partitions, replicationFactor: 1 }, silentLog, 20_000)
  const publisher = createKafkaPublisher(
    { ...settings, queueMax: 1_000, waitMaxMs: 1_000, timeoutMs: 1_000 },
    openGate(partitions),
    silentLog,
  )
  t.teardown(() => publisher.close())
  const acknowledged: string[] = []
  let made = 0
  const publish = async (): Promise<boolean> => {
    const commandId = `c${++made}`
    const { kind } = await publisher.publish({
      kind: 'delete',
      commandId,
      todoId: `t${made % 7}`,
      userId: 'a',
      atMs: 1,
    })
    if (kind !== 'acknowledged') return false
    acknowledged.push(commandId)
    return true
  }
  /** Until as many more were acknowledged. */
  const publishSome = async (count: number) => {
    for (const end = acknowledged.length + count; acknowledged.length < end;) {
      if (!(await publish())) await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const fatal: string[] = []
  const consume = (sink: Sink) => {
    const consumer = createKafkaConsumer(
      {
        ...settings,
        groupId: `${topic}-worker`,
        partitionsAtOnce: partitions,
        ...(lossConfirmMs !== undefined && { lossConfirmMs }),
      },
      silentLog,
    )
    t.teardown(() => consumer.stop())
    return { consumer, started: consumer.start(sink, (reason) => fatal.push(reason)) }
  }
  return { settings, publish, publishSome, consume, acknowledged, fatal }
}

/** Everything acknowledged is applied, once; what nobody acknowledged may be there as well. */
const settled = async (t: Test, acknowledged: string[], all: () => string[]) => {
  const missing = () => {
    const applied = new Set(all())
    return acknowledged.filter((id) => !applied.has(id))
  }
  await eventually(missing, (ids) => ids.length === 0, startTimeoutMs)
  t.equal(
    new Set(all()).size,
    all().length,
    `${acknowledged.length} acknowledged, each applied once`,
  )
}

// Each has a broker of its own, and waits most of the time.
t.jobs = 2
const beside = { buffered: true }

void t.test(
  'a broker killed with -9 amid writes, again and again, ends no consumer',
  beside,
  async (t) => {
    const directory = await testDirectory(t)
    const first = await orSkip(t, () => startKafka({ directory }))
    if (!first) return
    let broker = first
    t.teardown(() => broker.stop())
    const { publish, publishSome, consume, acknowledged, fatal } = await setUp(t, broker.url)
    const { sink, results, all } = memorySink()
    await consume(sink).started
    await publishSome(1)
    let isDone = false
    const writers = Array.from({ length: 10 }, async () => {
      while (!isDone) {
        if (!(await publish())) await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })
    for (let round = 0; round < 4; round++) {
      const before = all().length
      await eventually(
        () => all().length,
        (count) => count > before + 500,
        startTimeoutMs,
      )
      broker.kill('SIGKILL')
      await broker.exited
      broker = await startKafka({ directory, port: broker.port })
    }
    isDone = true
    await Promise.all(writers)
    await settled(t, acknowledged, all)
    t.same(fatal, [])
    const odd = results.filter((kind) => kind === 'truncated' || kind === 'gap')
    t.comment(`${odd.length} deliveries did not fit: ${[...new Set(odd)].join()}`)
  },
)

void t.test('connections that fall silent', beside, async (t) => {
  const broker = await orSkip(t, () => restartable(t, startKafka))
  if (!broker) return
  const { gate, url: proxied } = broker

  await t.test('the open ones: they are replaced, and consuming goes on', async (t) => {
    const { settings, publishSome, consume, acknowledged, fatal } = await setUp(t, proxied)
    const { sink, all } = memorySink()
    await consume(sink).started
    const bounds = createBoundsReader(settings, silentLog)
    t.teardown(bounds.close)
    await bounds.read()
    for (let round = 0; round < 3; round++) {
      await publishSome(50)
      gate.silence()
      await publishSome(50)
      await settled(t, acknowledged, all)
    }
    // The reader's connection was silenced, too.
    await eventually(
      () =>
        bounds.read().then(
          (read) => [...read.values()].reduce((sum, { end }) => sum + end, 0),
          () => 0,
        ),
      (end) => end >= acknowledged.length,
      startTimeoutMs,
    )
    t.same(fatal, [])
  })

  await t.test('new ones as well, for 20 s: it goes on when they work again', async (t) => {
    const { publishSome, consume, acknowledged, fatal } = await setUp(t, proxied)
    const { sink, all } = memorySink()
    const { consumer, started } = consume(sink)
    await started
    await publishSome(50)
    gate.inspect('to-service', () => 'drop')
    gate.inspect('to-client', () => 'drop')
    await new Promise((resolve) => setTimeout(resolve, 20_000))
    t.ok(performance.now() - consumer.lastSignMs() < 20_000, 'it gave signs of life meanwhile')
    gate.passAll()
    await publishSome(50)
    await settled(t, acknowledged, all)
    t.same(fatal, [])
  })

  await t.test('from the beginning: a consumer that starts then joins in the end', async (t) => {
    const { publishSome, consume, acknowledged, fatal } = await setUp(t, proxied)
    await publishSome(10)
    gate.inspect('to-service', () => 'drop')
    const { sink, all } = memorySink()
    const { started } = consume(sink)
    await new Promise((resolve) => setTimeout(resolve, 5_000))
    gate.passAll()
    await started
    await settled(t, acknowledged, all)
    t.same(fatal, [])
  })
})

void t.test('a topic that is not there: it is waited for', beside, async (t) => {
  const brokers = await testKafka(t)
  if (brokers === undefined) return
  const settings = { brokers, topic: testTopic() }
  const consumer = createKafkaConsumer(
    { ...settings, groupId: `${settings.topic}-worker`, partitionsAtOnce: partitions },
    silentLog,
  )
  t.teardown(() => consumer.stop())
  const started = consumer.start(memorySink().sink, (reason) => t.fail(reason))
  await new Promise((resolve) => setTimeout(resolve, 3_000)) // it has given up at least once by then
  await ensureTopic({ ...settings, partitions, replicationFactor: 1 }, silentLog, 20_000)
  await started
  t.ok(consumer.isOurs(0))
  t.notOk(consumer.isOurs(partitions), 'it has joined, and knows its partitions')
})

const int64 = (...values: number[]) => {
  const buffer = Buffer.alloc(8 * values.length)
  for (const [i, value] of values.entries()) buffer.writeBigInt64BE(BigInt(value), 8 * i)
  return buffer
}

void t.test('a broker whose answers say that its log ends too early', beside, async (t) => {
  const broker = await orSkip(t, () => restartable(t, startKafka))
  if (!broker) return
  const { gate, url: proxied } = broker

  /** Until `passAll`: fetches say high watermark and last stable offset, ListOffsets -1 and the end. */
  const understate = (ends: number[]) => {
    gate.inspect('to-client', (chunk) => {
      for (const end of ends) {
        for (const [true_, said] of [
          [int64(end, end), int64(3, 3)],
          [int64(-1, end), int64(-1, 3)],
        ] as const) {
          const at = chunk.indexOf(true_)
          if (at >= 0) said.copy(chunk, at)
        }
      }
      return 'pass'
    })
  }
  /** A topic with records, all applied by a sink whose group has committed nothing. */
  const prepare = async (t: Test, lossConfirmMs: number) => {
    const own = await setUp(t, proxied, lossConfirmMs)
    await own.publishSome(400)
    const memory = memorySink()
    const earlier = createKafkaConsumer(
      { ...own.settings, groupId: `${own.settings.topic}-earlier`, partitionsAtOnce: partitions },
      silentLog,
    )
    await earlier.start(memory.sink, (reason) => t.fail(reason))
    await settled(t, own.acknowledged, memory.all)
    await earlier.stop()
    understate([...memory.applied.values()].map((ids) => ids.length))
    memory.results.length = 0
    return { ...own, ...memory }
  }

  await t.test('for a moment: it waits, and goes on where it was', async (t) => {
    const { consume, results, sink, publishSome, acknowledged, all, fatal } = await prepare(
      t,
      60_000,
    )
    await consume(sink).started
    await eventually(
      () => results.filter((kind) => kind === 'truncated').length,
      (count) => count >= partitions,
      startTimeoutMs,
    )
    await new Promise((resolve) => setTimeout(resolve, 3_000)) // asked again meanwhile
    t.notOk(results.includes('applied'))
    gate.passAll()
    await publishSome(50)
    await settled(t, acknowledged, all)
    t.ok(results.includes('compared'), 'what was applied last is still there')
    t.same(fatal, [])
  })

  await t.test('and has other records then: that is a loss, and nothing is skipped', async (t) => {
    const { consume, results, sink, applied, fatal } = await prepare(t, 60_000)
    const [ids] = applied.values()
    ids?.splice(-1, 1, 'another command, before the log was cut back')
    await consume(sink).started
    await eventually(
      () => results.includes('truncated'),
      (is) => is,
      startTimeoutMs,
    )
    gate.passAll()
    await eventually(
      () => fatal,
      (reasons) => reasons.length > 0,
      startTimeoutMs,
    )
    t.match(fatal[0], /was cut back and has grown again/)
    t.match(fatal[0], /SET next_offset = 3 /)
  })

  await t.test('and keeps saying so: that is a loss, and nothing was applied', async (t) => {
    const { consume, results, sink, fatal, settings } = await prepare(t, 3_000)
    t.teardown(() => gate.passAll())
    await consume(sink).started
    await eventually(
      () => fatal,
      (reasons) => reasons.length > 0,
      startTimeoutMs,
    )
    t.match(fatal[0], `of ${settings.topic} should go on at offset`)
    t.notOk(results.includes('applied'))
  })
})
