// What every command log promises, run against both drivers: real Kafka, and real Postgres.

import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { databasesOf } from '../../testing/databases.ts'
import { eventually, startTimeoutMs } from '../../testing/eventually.ts'
import { silentLog, testConfig } from '../../testing/settings.ts'
import { testDatabase, testKafka, testTopic } from '../../testing/services.ts'
import type { Command } from '../domain/command.ts'
import { decodeCommand } from '../domain/command.ts'
import { openGate, type CommandConsumer, type CommandPublisher } from './command-log.ts'
import type { Delivery, Sink } from './command-log.ts'
import { createHomes } from './homes.ts'
import { murmur2 } from './kafka/partition.ts'
import { ensureCommandLog, openConsumer, openPublisher, readEnds } from './open.ts'
import { fnv1a } from './postgres-partition.ts'

type Settings = Record<string, string>
const backends: Record<string, (t: Test) => Promise<Settings | undefined>> = {
  async kafka(t) {
    const brokers = await testKafka(t)
    return brokers === undefined ? undefined : { COMMAND_LOG: 'kafka', KAFKA_BROKERS: brokers }
  },
  postgres: async (t) => ({ COMMAND_LOG: 'postgres', DATABASE_URL: await testDatabase(t) }),
}

const partitions = 3

const setUp = async (t: Test, settings: Settings, over: Settings = {}) => {
  const topic = testTopic()
  const config = testConfig({
    ...settings,
    KAFKA_TODO_TOPIC: topic,
    KAFKA_PARTITIONS: String(partitions),
    WORKER_POOL_SIZE: String(partitions),
    ...over,
  })
  t.equal(await ensureCommandLog(config, databasesOf(config), silentLog), partitions)
  const publisher = openPublisher(config, databasesOf(config), openGate(partitions), silentLog)
  t.teardown(() => publisher.close())
  await eventually(
    () =>
      publisher.ping().then(
        () => true,
        () => false,
      ),
    (isUp) => isUp,
    20_000,
  )
  return {
    topic,
    config,
    publisher,
    consumer: (bounds = {}) =>
      consumerOf(t, () => openConsumer(config, databasesOf(config), silentLog, bounds)),
  }
}

/** A consumer whose sink remembers offsets, as the store would, and what it was given. */
const consumerOf = (t: Test, open: () => CommandConsumer) => {
  let consumer: CommandConsumer | undefined
  /** How long ago it last did anything. */
  const silentMs = () => performance.now() - (consumer as CommandConsumer).lastSignMs()
  const stop = async () => {
    await consumer?.stop()
    consumer = undefined
  }
  t.teardown(stop)
  return {
    async start(sink: Sink, onFatal: (reason: string) => void = (reason) => t.fail(reason)) {
      consumer = open()
      await consumer.start(sink, onFatal)
    },
    stop,
    silentMs,
  }
}

/** A sink in memory: applies in offset order and complains of anything else. */
const memorySink = () => {
  /** The highest number of each publisher, by partition. */
  const numbers = new Map<string, number>()
  const applied = new Map<number, Command[]>()
  const nextOffset = (partition: number) => applied.get(partition)?.length ?? 0
  let deliveries = 0
  const faults: string[] = []
  const sink: Sink = ({ partition, records, abandoned }: Delivery) => {
    deliveries++
    if (abandoned()) return Promise.resolve({ kind: 'abandoned' })
    for (const { offset, value } of records) {
      const expected = nextOffset(partition)
      if (offset < expected) continue // a redelivery
      if (offset > expected) faults.push(`partition ${partition}: ${offset} instead of ${expected}`)
      const decoded = decodeCommand(value)
      if (decoded.kind === 'poison') {
        faults.push(decoded.reason)
        continue
      }
      applied.set(partition, [...(applied.get(partition) ?? []), decoded.command])
      const { by, number } = decoded.stamp ?? { by: 'nobody', number: 0 }
      const before = numbers.get(`${partition} ${by}`) ?? 0
      if (number <= before)
        faults.push(`partition ${partition}: ${number} of ${by} after ${before}`)
      numbers.set(`${partition} ${by}`, number)
    }
    return Promise.resolve({ kind: 'applied' })
  }
  const all = () => [...applied.values()].flat()
  return { sink, applied, all, faults, deliveries: () => deliveries }
}

let made = 0
const command = (todoId: string): Command => ({
  kind: 'update',
  commandId: `c${++made}`,
  todoId,
  userId: 'ann',
  atMs: 1_000,
  change: { title: `change ${made}` },
})

/** Of each form that there is: new ones, public and personal, of releases before, and made from a key. */
const idOf = (publisher: CommandPublisher, todo: number): string => {
  switch (todo % 4) {
    case 0:
      return publisher.newTodoId()
    case 1:
      return publisher.newTodoId(`user-${todo}`)
    case 2:
      return `kT5bJb9jQmWv3rVbQm1XqQ-${String(todo).padStart(10, '0')}`
    default:
      return createHash('sha256').update(`key-${todo}`).digest('base64url')
  }
}

/** Publishes `count` commands to each todo, each todo's one after the other; returns them by todo. */
const publishAll = async (t: Test, publisher: CommandPublisher, todos: number, count: number) => {
  const published = new Map<string, Command[]>()
  await Promise.all(
    Array.from({ length: todos }, async (_, todo) => {
      const todoId = idOf(publisher, todo)
      for (let i = 0; i < count; i++) {
        const one = command(todoId)
        const outcome = await publisher.publish(one)
        if (outcome.kind !== 'acknowledged') t.fail(`${outcome.kind}: ${outcome.reason}`)
        published.set(one.todoId, [...(published.get(one.todoId) ?? []), one])
      }
    }),
  )
  return published
}

const joined = (first: Map<string, Command[]>, second: Map<string, Command[]>) => {
  const ids = new Set([...first.keys(), ...second.keys()])
  return new Map([...ids].map((id) => [id, [...(first.get(id) ?? []), ...(second.get(id) ?? [])]]))
}

/** As servers spread them. */
const homesOf = ({ COMMAND_LOG }: Settings) =>
  createHomes(() => partitions, COMMAND_LOG === 'kafka' ? murmur2 : fnv1a)

const sameByTodo = (t: Test, published: Map<string, Command[]>, received: readonly Command[]) => {
  for (const [todoId, commands] of published) {
    t.same(
      received.filter((one) => one.todoId === todoId).map((one) => one.commandId),
      commands.map((one) => one.commandId),
      `${todoId}: all of them, once, in order`,
    )
  }
}

for (const [name, backend] of Object.entries(backends)) {
  void t.test(`the ${name} command log`, async (t) => {
    const settings = await backend(t)
    if (!settings) return

    await t.test('what is acknowledged is delivered, in order per todo', async (t) => {
      const { publisher, consumer } = await setUp(t, settings)
      const { sink, all, faults, applied } = memorySink()
      await consumer().start(sink)
      const published = await publishAll(t, publisher, 20, 15)
      await eventually(
        () => all().length,
        (count) => count >= 300,
        startTimeoutMs,
      )
      sameByTodo(t, published, all())
      t.same(faults, [], 'offsets are dense')
      t.ok(applied.size > 1, 'spread over partitions')
    })

    await t.test('a consumer that is stopped and started goes on', async (t) => {
      const { publisher, consumer } = await setUp(t, settings)
      const { sink, all, faults } = memorySink()
      const one = consumer()
      await one.start(sink)
      const first = await publishAll(t, publisher, 5, 5)
      await eventually(all, (seen) => seen.length >= 25, startTimeoutMs)
      await one.stop()
      const second = await publishAll(t, publisher, 5, 5)
      t.equal(all().length, 25, 'stopped is stopped')
      await one.start(sink)
      await eventually(all, (seen) => seen.length >= 50, startTimeoutMs)
      sameByTodo(t, joined(first, second), all())
      t.same(faults, [])
    })

    await t.test('a partition that can not be applied now waits, and no other does', async (t) => {
      // One at a time: each delivery keeps all others waiting.
      const { publisher, consumer } = await setUp(t, settings, { WORKER_POOL_SIZE: '1' })
      const { sink, all, applied, faults } = memorySink()
      const down = 1
      let isDown = true
      let tried = 0
      await consumer().start((delivery) => {
        if (!isDown || delivery.partition !== down) return sink(delivery)
        tried++
        return Promise.resolve({ kind: 'unavailable' })
      })
      const first = await publishAll(t, publisher, 20, 5)
      const partitionOf = homesOf(settings).partitionOf
      const waiting = [...first].filter(([id]) => partitionOf(id) === down).length * 5
      t.ok(waiting > 0 && waiting < 100, `${waiting} wait`)
      await eventually(all, (seen) => seen.length >= 100 - waiting, startTimeoutMs)
      // Also what comes while it waits.
      const second = await publishAll(t, publisher, 20, 5)
      const waitingToo = [...second].filter(([id]) => partitionOf(id) === down).length * 5
      await eventually(all, (seen) => seen.length >= 200 - waiting - waitingToo, startTimeoutMs)
      await eventually(
        () => tried,
        (times) => times >= 2,
        startTimeoutMs,
      )
      t.equal(applied.has(down), false)
      isDown = false
      await eventually(all, (seen) => seen.length >= 200, startTimeoutMs)
      sameByTodo(t, joined(first, second), all())
      t.same(faults, [])
    })

    await t.test(
      'two consumers share the work, and nothing is delivered out of order',
      async (t) => {
        const { publisher, consumer } = await setUp(t, settings)
        const { sink, all, faults } = memorySink()
        await Promise.all([consumer().start(sink), consumer().start(sink)])
        const published = await publishAll(t, publisher, 20, 10)
        await eventually(all, (seen) => seen.length >= 200, startTimeoutMs)
        sameByTodo(t, published, all())
        t.same(faults, [])
      },
    )

    await t.test('as many partitions are worked on at once as the setting says', async (t) => {
      const { publisher, consumer } = await setUp(t, settings, { WORKER_POOL_SIZE: '2' })
      await publishAll(t, publisher, 60, 1) // in every partition
      const { sink, all } = memorySink()
      const working = new Set<number>()
      let most = 0
      let met = () => {}
      const bothMet = new Promise<void>((resolve) => (met = resolve))
      await consumer().start(async (delivery) => {
        working.add(delivery.partition)
        most = Math.max(most, working.size)
        if (working.size === 2) met()
        await bothMet // one at a time, it would wait here for ever
        // Room for a third to come in, if it may.
        await new Promise((resolve) => setTimeout(resolve, 50))
        working.delete(delivery.partition)
        return sink(delivery)
      })
      await eventually(all, (seen) => seen.length >= 60, startTimeoutMs)
      t.equal(most, 2)
    })

    await t.test('what was abandoned is delivered again', async (t) => {
      const { publisher, consumer } = await setUp(t, settings)
      const { sink, all } = memorySink()
      let abandonedOnce = false
      const one = consumer()
      await one.start((delivery) => {
        if (abandonedOnce) return sink(delivery)
        abandonedOnce = true
        return Promise.resolve({ kind: 'abandoned' })
      })
      const published = await publishAll(t, publisher, 1, 3)
      await eventually(all, (seen) => seen.length >= 3, startTimeoutMs)
      sameByTodo(t, published, all())
    })

    await t.test(
      'a consumer gives signs of life, idle or with a delivery that hangs',
      async (t) => {
        const { publisher, consumer } = await setUp(t, settings)
        const one = consumer()
        let hang = () => {}
        const hanging = new Promise<void>((resolve) => (hang = resolve))
        let finish = () => {}
        const finished = new Promise<void>((resolve) => (finish = resolve))
        const { sink } = memorySink()
        await one.start(async (delivery) => {
          hang()
          await finished
          return sink(delivery)
        })
        /** Longer than anything takes but a sign: without one it would be silent for that long. */
        const staysAlive = async () => {
          const startedMs = performance.now()
          await eventually(
            () => performance.now() - startedMs,
            (passedMs) => passedMs > 3_000,
          )
          await eventually(one.silentMs, (silentMs) => silentMs < 2_000, startTimeoutMs)
        }
        await staysAlive()
        await publisher.publish(command('todo-1'))
        await hanging
        await staysAlive()
        finish()
      },
    )

    await t.test('commands that are gone from the log stop it, loudly', async (t) => {
      const { topic, publisher, consumer } = await setUp(t, settings)
      await publishAll(t, publisher, 1, 3)
      for (const kind of ['gap', 'truncated'] as const) {
        const one = consumer({ lossConfirmMs: 2_000 })
        const reason = await new Promise<string>((resolve) => {
          void one.start(
            // As a store would that has applied less, or more, than there is.
            () => Promise.resolve({ kind, expectedOffset: kind === 'gap' ? -1 : 99 }),
            resolve,
          )
        })
        t.match(reason, `of ${topic}`)
        t.match(reason, /UPDATE command_offsets SET next_offset = \d+ WHERE log = /)
        await one.stop()
      }
    })

    await t.test(
      'new public todos of one send go to one partition, the next to others',
      async (t) => {
        const { publisher, consumer } = await setUp(t, settings)
        for (let send = 0; send < 2 * partitions; send++) {
          const outcomes = await Promise.all(
            Array.from({ length: 20 }, () => publisher.publish(command(publisher.newTodoId()))),
          )
          for (const outcome of outcomes) t.match(outcome, { kind: 'acknowledged' })
        }
        const { sink, all, faults, applied } = memorySink()
        await consumer().start(sink)
        await eventually(all, (seen) => seen.length >= 40 * partitions, startTimeoutMs)
        t.same(
          [...applied.values()].map((commands) => commands.length),
          Array(partitions).fill(40),
          'two sends in each',
        )
        t.same(faults, [])
      },
    )

    await t.test('an acknowledgement says where the log has the command', async (t) => {
      const { publisher, consumer } = await setUp(t, settings)
      const commands = Array.from({ length: 60 }, (_, todo) => command(idOf(publisher, todo)))
      const outcomes = await Promise.all(commands.map((one) => publisher.publish(one)))
      const { sink, all, applied } = memorySink()
      await consumer().start(sink)
      await eventually(all, (seen) => seen.length >= commands.length, startTimeoutMs)
      for (const [i, outcome] of outcomes.entries()) {
        const at = outcome.kind === 'acknowledged' ? outcome.receipt : undefined
        const found = at && applied.get(at.partition)?.[at.offset]
        t.equal(found?.commandId, commands[i]?.commandId, JSON.stringify(outcome))
      }
    })

    await t.test('the ends of its partitions are known, and asking makes no log', async (t) => {
      const { config, publisher, consumer } = await setUp(t, settings)
      t.same([...(await readEnds(config, databasesOf(config), silentLog)).values()], [0, 0, 0])
      await publishAll(t, publisher, 20, 2)
      const ends = await readEnds(config, databasesOf(config), silentLog)
      const { sink, all, applied } = memorySink()
      await consumer().start(sink)
      await eventually(all, (seen) => seen.length >= 40, startTimeoutMs)
      for (const [partition, end] of ends) {
        t.equal(end, applied.get(partition)?.length ?? 0, `partition ${partition}`)
      }
      const another = { ...config, KAFKA_TODO_TOPIC: testTopic() }
      for (let i = 0; i < 2; i++)
        t.equal((await readEnds(another, databasesOf(another), silentLog)).size, 0)
    })

    await t.test('past its bound a publisher refuses at once, and recovers', async (t) => {
      const { publisher } = await setUp(t, settings, { PUBLISH_QUEUE_MAX: '50' })
      const outcomes = await Promise.all(
        Array.from({ length: 500 }, (_, i) => publisher.publish(command(`todo-${i}`))),
      )
      const kinds = new Set(outcomes.map((one) => one.kind))
      t.same([...kinds].sort(), ['acknowledged', 'refused'])
      t.match(await publisher.publish(command('todo-1')), { kind: 'acknowledged' })
    })
  })
}
