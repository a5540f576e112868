// What the worker says of its lag: from deliveries made by hand, and from a sink whose database is
// held up.

import { pino } from 'pino'
import postgres from 'postgres'
import t from 'tap'
import { createPool } from '../../lib/drivers/postgres/pool.ts'
import { encodeCommand } from '../../lib/domain/command.ts'
import type { Delivery, DeliveryResult } from '../../lib/command-log/command-log.ts'
import { createPostgresStore } from '../../lib/todo-store/postgres.ts'
import { eventually } from '../../testing/eventually.ts'
import { silentLog } from '../../testing/settings.ts'
import { testDatabase } from '../../testing/services.ts'
import { createLagWatch } from './lag.ts'
import { createSink } from '../todos/sink.ts'

const fixtureLog = { identity: 'kafka:cluster:topic', partitions: 2 }
const delivery = (partition: number, from: number, count: number, endOffset: number): Delivery => ({
  partition,
  endOffset,
  abandoned: () => false,
  foundLog: () => Promise.resolve(fixtureLog),
  records: Array.from({ length: count }, (_, i) => ({
    offset: from + i,
    value: Buffer.from(
      encodeCommand({
        kind: 'create',
        commandId: `c${partition}-${from + i}`,
        userId: 'ann',
        atMs: 1_000,
        todoId: `t${partition}-${from + i}`,
        title: 'a todo',
        description: '',
      }),
    ),
  })),
})

type Line = { msg: string; lag?: number; partitions?: unknown }

const setUp = () => {
  const lines: Line[] = []
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line) as Line) })
  const lag = createLagWatch(logger)
  /** What one report says: nothing, or one line. */
  const report = () => {
    lag.report()
    return lines.splice(0).map(({ msg, lag, partitions }) => [msg, lag, partitions])
  }
  const deliver = (result: DeliveryResult, one: Delivery) =>
    lag.watch(() => Promise.resolve(result))(one)
  return { lag, report, deliver }
}

const waits = 'commands wait to be applied'
const caughtUp = ['caught up, no commands waiting', 0, undefined]

t.test('it is told by partition while there is any, and once when there is none', async (t) => {
  const { report, deliver } = setUp()
  t.same(report(), [])
  await deliver({ kind: 'applied' }, delivery(0, 0, 5, 5))
  t.same(report(), [], 'never behind: nothing to say')
  await deliver({ kind: 'applied' }, delivery(0, 5, 5, 20))
  await deliver({ kind: 'applied' }, delivery(3, 0, 1, 8))
  t.same(report(), [[waits, 17, { 0: 10, 3: 7 }]])
  await deliver({ kind: 'applied' }, delivery(0, 10, 10, 20))
  await deliver({ kind: 'gap', expectedOffset: 2 }, delivery(3, 4, 4, 8))
  t.same(report(), [[waits, 6, { 3: 6 }]])
  await deliver({ kind: 'applied' }, delivery(3, 0, 8, 8))
  t.same(report(), [caughtUp])
  t.same(report(), [])
})

t.test('a redelivery does not put it back', async (t) => {
  const { lag, report, deliver } = setUp()
  await deliver({ kind: 'applied' }, delivery(0, 0, 10, 12))
  let finish: (result: DeliveryResult) => void = () => {}
  const sink = lag.watch(() => new Promise((resolve) => (finish = resolve)))
  const again = sink(delivery(0, 0, 12, 12))
  t.same(report(), [[waits, 2, { 0: 2 }]])
  t.same(report(), [[waits, 2, { 0: 2 }]], 'under way for more than one report')
  finish({ kind: 'applied' })
  await again
  t.same(report(), [caughtUp])
})

t.test('a partition that went to another worker is no lag of this one', async (t) => {
  const { report, deliver } = setUp()
  await deliver({ kind: 'applied' }, delivery(0, 0, 1, 9))
  t.same(report(), [[waits, 8, { 0: 8 }]])
  await deliver({ kind: 'abandoned' }, delivery(0, 1, 8, 9))
  t.same(report(), [caughtUp])

  await deliver({ kind: 'applied' }, delivery(1, 0, 1, 9))
  t.same(report(), [[waits, 8, { 1: 8 }]])
  t.match(report(), [[/no longer delivered here/, undefined, [1]]], 'which is not caught up')
  t.same(report(), [])
})

t.test('a database that is held up shows as lag until it goes on', async (t) => {
  const url = await testDatabase(t)
  const store = createPostgresStore(createPool({ url, poolSize: 2, timeoutMs: 20_000 }))
  const sql = postgres(url, { max: 2 })
  t.teardown(async () => {
    await store.close()
    await sql.end()
  })
  await store.registerLog('log', fixtureLog)
  const { lag, report } = setUp()
  const sink = lag.watch(createSink({ log: 'log', store, onApplied: () => {}, logger: silentLog }))
  t.same(await sink(delivery(0, 0, 3, 3)), { kind: 'applied' })
  let release = () => {}
  const released = new Promise<void>((resolve) => (release = resolve))
  const holding = sql.begin(async (tx) => {
    await tx`LOCK TABLE command_offsets IN ACCESS EXCLUSIVE MODE`
    await released
  })
  await eventually(
    async () => (await sql`SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock'`).count,
    (locks) => locks > 0,
  )
  const taken = Promise.all([sink(delivery(0, 3, 4, 7)), sink(delivery(1, 0, 2, 2))])
  t.same(report(), [[waits, 6, { 0: 4, 1: 2 }]])
  t.same(report(), [[waits, 6, { 0: 4, 1: 2 }]])
  release()
  await holding
  t.same(await taken, [{ kind: 'applied' }, { kind: 'applied' }])
  t.same(report(), [caughtUp])
  t.same([...(await store.nextOffsets('log'))].sort(), [
    [0, 7],
    [1, 2],
  ])
})

const ends = (...offsets: number[]) => new Map(offsets.map((offset, n) => [n, offset]))
const mine = (partition: number) => partition === 0

t.test('what a poll finds is lag, also when nothing is delivered', async (t) => {
  const { lag, report, deliver } = setUp()
  lag.observe(ends(12, 40), ends(5), mine)
  t.same([...lag.lags()], [[0, 7]], 'of its own partition only')
  for (let i = 0; i < 3; i++) {
    lag.observe(ends(12, 40), ends(5), mine)
    t.same(report(), [[waits, 7, { 0: 7 }]])
  }
  lag.observe(undefined, ends(5), mine)
  t.same(report(), [[waits, 7, { 0: 7 }]], 'the log does not answer: what is known stays true')
  await deliver({ kind: 'applied' }, delivery(0, 5, 7, 12))
  t.same(report(), [caughtUp])
  lag.observe(ends(12), ends(5), mine)
  t.same([...lag.lags()], [[0, 0]], 'a poll that began before does not put it back')
})

t.test('a partition that another worker has by now is forgotten', async (t) => {
  const { lag, report } = setUp()
  lag.observe(ends(12), ends(5), mine)
  t.same(report(), [[waits, 7, { 0: 7 }]])
  lag.observe(ends(12), ends(5), () => false)
  t.same(report(), [['partitions that were behind are no longer delivered here', undefined, [0]]])
  t.equal(lag.lags().size, 0)
})

t.test('what the sink has not settled is in flight', async (t) => {
  const { lag } = setUp()
  let finish: (result: DeliveryResult) => void = () => {}
  const sink = lag.watch(() => new Promise((resolve) => (finish = resolve)))
  const delivered = sink(delivery(3, 0, 1, 1))
  t.same([...lag.inFlight()], [3])
  finish({ kind: 'applied' })
  await delivered
  t.equal(lag.inFlight().size, 0)
})
