// The sink against a real Postgres that fails in the worst places: an answer to COMMIT that never
// comes (K5), a database killed amid a stream (K9), another worker that was faster (K4).

import postgres from 'postgres'
import t, { type Test } from 'tap'
import { createPool } from '../../lib/drivers/postgres/pool.ts'
import { encodeCommand, type Stamp } from '../../lib/domain/command.ts'
import type { Delivery } from '../../lib/command-log/command-log.ts'
import { createPostgresStore } from '../../lib/todo-store/postgres.ts'
import { migrate } from '../../lib/drivers/postgres/migrate.ts'
import { migrationsDirectory } from '../../scripts/paths.ts'
import { startPostgres } from '../../scripts/stack/postgres.ts'
import { testGate } from '../../testing/gate.ts'
import { ownPostgres, testDatabase, testDirectory } from '../../testing/services.ts'
import { silentLog } from '../../testing/settings.ts'
import { seeded } from '../../testing/seeded.ts'
import { align } from './align.ts'
import { createSink } from './sink.ts'

const record = (offset: number, stamp?: Stamp) => ({
  offset,
  value: Buffer.from(
    encodeCommand(
      {
        kind: 'create',
        commandId: `c${offset}`,
        todoId: `t${offset}`,
        userId: 'ann',
        atMs: 1_000,
        title: `todo ${offset}`,
        description: '',
      },
      stamp,
    ),
  ),
})
const stamped = (offset: number): Stamp => ({ by: 'a-server-process', number: offset + 1 })
const unstamped = () => undefined
const fixtureLog = { identity: 'kafka:cluster:topic', partitions: 1 }
const delivery = (
  from: number,
  count: number,
  over: Partial<Delivery> = {},
  stampOf: (offset: number) => Stamp | undefined = unstamped,
): Delivery => ({
  partition: 0,
  records: Array.from({ length: count }, (_, i) => record(from + i, stampOf(from + i))),
  endOffset: from + count,
  foundLog: () => Promise.resolve(fixtureLog),
  abandoned: () => false,
  ...over,
})

t.test('align tells what of a delivery is new', async (t) => {
  t.match(align(0, delivery(0, 3)), { kind: 'apply', records: { length: 3 } })
  t.match(align(2, delivery(0, 3)), { kind: 'apply', records: [{ offset: 2 }] })
  t.same(align(3, delivery(0, 3)), { kind: 'applied' }, 'a redelivery')
  t.same(align(0, delivery(1, 3)), { kind: 'gap', expectedOffset: 0 })
  const holed = { ...delivery(0, 3), records: [record(0), record(2)] }
  t.same(align(0, holed), { kind: 'gap', expectedOffset: 0 }, 'never over a hole')
  t.same(align(9, delivery(0, 3)), { kind: 'truncated', expectedOffset: 9 })
  t.same(align(0, { ...delivery(0, 0), endOffset: 0 }), { kind: 'applied' })
})

const sinkOn = async (t: Test, url: string) => {
  const store = createPostgresStore(createPool({ url, poolSize: 1, timeoutMs: 5_000 }))
  t.teardown(() => store.close())
  await store.registerLog('log', fixtureLog)
  let applied = 0
  const sink = createSink({ log: 'log', store, onApplied: () => applied++, logger: silentLog })
  return { sink, applied: () => applied }
}

/**
 * Twenty batches, during each of which the connection is cut once, when `isLast` is sent: before Postgres
 * gets it, or before its answer arrives.
 */
const applyWithCuts = async (
  t: Test,
  isLast: (chunk: Buffer, batch: number) => boolean,
  batchAt: (offset: number) => Delivery,
) => {
  const url = await testDatabase(t)
  const gate = await testGate(t, Number(new URL(url).port))
  const { sink } = await sinkOn(t, gate.urlOf(url))
  const sql = postgres(url, { max: 1 })
  t.teardown(() => sql.end())
  const random = seeded(t)
  let cuts = 0
  for (let batch = 0; batch < 20; batch++) {
    const reachesPostgres = random.below(2) === 0
    gate.inspect('to-service', (chunk) => {
      if (!isLast(chunk, batch)) return 'pass'
      cuts++
      gate.passAll()
      if (!reachesPostgres) return 'cut'
      // Postgres gets it, and what it says to it is lost.
      gate.inspect('to-client', () => {
        gate.passAll()
        return 'cut'
      })
      return 'pass'
    })
    t.same(await sink(batchAt(batch * 5)), { kind: 'applied' })
    gate.passAll()
  }
  t.ok(cuts >= 20, `${cuts} were cut`)
  return sql
}

t.test('an answer to COMMIT that never comes leaves exactly one effect', async (t) => {
  const sql = await applyWithCuts(
    t,
    (chunk) => chunk.toString('latin1').toLowerCase().includes('commit'),
    (offset) => delivery(offset, 5),
  )
  const [row] = await sql`SELECT count(*), max(revision), min(revision) FROM todos`
  t.match(row, { count: '100', max: 1, min: 1 })
  t.equal((await sql`SELECT FROM dead_letters`).count, 0)
})

t.test('so does an answer to the one statement of a batch of creations', async (t) => {
  const sql = await applyWithCuts(
    t,
    (chunk, batch) => chunk.includes(`todo ${batch * 5 + 4}`),
    (offset) => delivery(offset, 5, {}, stamped),
  )
  const [row] = await sql`
    SELECT count(*)::int, min(revision), (SELECT sum(changes) FROM list_versions WHERE log = 'log'),
      (SELECT number FROM publisher_numbers)
    FROM todos`
  t.match(row, { count: 100, min: 1, sum: '20', number: '100' })
  t.equal((await sql`SELECT FROM command_outcomes`).count, 0, 'and no row for a command')
})

t.test('a database killed amid a stream loses and skips nothing', async (t) => {
  const directory = await testDirectory(t)
  let service = await startPostgres({ directory, durable: false })
  t.teardown(() => service.stop())
  await migrate(service.url, migrationsDirectory)
  const { sink } = await sinkOn(t, service.url)
  let isDone = false
  const stream = (async () => {
    for (let batch = 0; batch < 200; batch++) {
      t.same((await sink(delivery(batch * 10, 10))).kind, 'applied')
    }
    isDone = true
  })()
  for (let kill = 0; kill < 3 && !isDone; kill++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    service.kill('SIGKILL')
    await service.exited
    service = await startPostgres({ directory, durable: false, port: service.port })
  }
  await stream
  const sql = postgres(service.url, { max: 1 })
  t.teardown(() => sql.end())
  t.match(await sql`SELECT count(*), max(revision) FROM todos`, [{ count: '2000', max: 1 }])
  t.equal((await sql`SELECT FROM dead_letters`).count, 0)
})

t.test('what another worker has applied is taken as done', async (t) => {
  const { url } = await ownPostgres(t)
  await migrate(url, migrationsDirectory)
  const [ours, theirs] = [await sinkOn(t, url), await sinkOn(t, url)]
  t.same(await theirs.sink(delivery(0, 5)), { kind: 'applied' })
  t.same(await ours.sink(delivery(0, 5)), { kind: 'applied' })
  t.same([ours.applied(), theirs.applied()], [0, 1])
  t.same(await ours.sink(delivery(0, 8)), { kind: 'applied' }, 'and the rest is applied')
  t.same(await Promise.all([ours.sink(delivery(8, 9)), theirs.sink(delivery(8, 9))]), [
    { kind: 'applied' },
    { kind: 'applied' },
  ])
  const sql = postgres(url, { max: 1 })
  t.teardown(() => sql.end())
  t.match(await sql`SELECT count(*), max(revision) FROM todos`, [{ count: '17', max: 1 }])
})

t.test('an abandoned delivery is not applied', async (t) => {
  const url = await testDatabase(t)
  const { sink, applied } = await sinkOn(t, url)
  t.same(await sink(delivery(0, 5, { abandoned: () => true })), { kind: 'abandoned' })
  t.equal(applied(), 0)
})

t.test('in doubt, the record before must be the one that was applied', async (t) => {
  const url = await testDatabase(t)
  const { sink, applied } = await sinkOn(t, url)
  const now = (from: number, count: number, over: Partial<Delivery> = {}) => {
    const own = delivery(from, count, over)
    const records = own.records.map(({ offset, value }) => {
      const command = JSON.parse(String(value)) as object
      return { offset, value: Buffer.from(JSON.stringify({ ...command, atMs: Date.now() })) }
    })
    return { ...own, records }
  }
  t.same(await sink(now(0, 3)), { kind: 'applied' })
  t.same(await sink(now(2, 3, { inDoubt: true })), { kind: 'applied' }, 'it is')
  const other = now(100, 1).records[0]?.value ?? null
  const rewritten = now(4, 3, { inDoubt: true })
  const records = rewritten.records.map((one, i) => (i === 0 ? { ...one, value: other } : one))
  t.same(await sink({ ...rewritten, records }), { kind: 'rewritten', expectedOffset: 5 })
  t.equal(applied(), 2)

  const poison = Buffer.from('{')
  const dead = { offset: 5, value: poison }
  t.same(await sink({ ...now(5, 1), records: [dead] }), { kind: 'applied' })
  const behind = { ...now(5, 2, { inDoubt: true }), records: [dead, ...now(6, 1).records] }
  t.same(await sink(behind), { kind: 'applied' }, 'a dead letter is no proof')
  const old = { ...delivery(6, 2), inDoubt: true }
  t.same(await sink(old), { kind: 'applied' }, 'nor is what was applied longer ago than is known')
})

t.test('in doubt, a number says whether the record before was dealt with', async (t) => {
  const url = await testDatabase(t)
  const { sink } = await sinkOn(t, url)
  const by = 'a-server-process'
  const now = (offset: number, number: number) => {
    const { value } = record(offset, { by, number })
    const command = JSON.parse(value.toString()) as object
    return { offset, value: Buffer.from(JSON.stringify({ ...command, atMs: Date.now() })) }
  }
  const sent = (...records: ReturnType<typeof now>[]) => {
    const endOffset = (records.at(-1)?.offset ?? 0) + 1
    return { ...delivery(0, 0), records, endOffset, inDoubt: true }
  }
  // With a copy, as of a send that was repeated in smaller ones.
  t.same(await sink(sent(now(0, 1), now(1, 2), now(2, 1))), { kind: 'applied' })
  t.same(await sink(sent(now(2, 1), now(3, 4))), { kind: 'applied' })
  t.same(await sink(sent(now(3, 5), now(4, 6))), { kind: 'rewritten', expectedOffset: 4 })
  const other = { ...delivery(3, 2, { inDoubt: true }), records: [now(3, 9), now(4, 10)] }
  t.same(await sink(other), { kind: 'rewritten', expectedOffset: 4 })
  t.same(await sink(sent(now(3, 4), now(4, 6))), { kind: 'applied' })
})
