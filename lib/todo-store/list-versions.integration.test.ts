// The version of the lists through an upgrade: processes from before sql/008 and new ones run side by
// side, and whoever raises or reads the version, by whichever table, sees the same one rise.

import postgres, { type Sql } from 'postgres'
import t, { type Test } from 'tap'
import { migrationsDirectory } from '../../scripts/paths.ts'
import { databaseBefore } from '../../testing/older-database.ts'
import { seeded } from '../../testing/seeded.ts'
import { migrate } from '../drivers/postgres/migrate.ts'
import { createPool } from '../drivers/postgres/pool.ts'
import { createPostgresStore } from './postgres.ts'

const log = { name: 'log', identity: 'postgres:log' }
const ofThisRelease = '008-list-versions.sql'

/** The statements of the release before this one, as its workers and servers send them. */
const oldProcess = (sql: Sql) => ({
  async apply(partition: number, expected: number) {
    const result = await sql`
      INSERT INTO command_offsets AS stored (log, partition, next_offset, batches)
      SELECT ${log.name}, ${partition}, ${expected + 1}, 1
      WHERE (${expected} = 0 OR EXISTS (
          SELECT FROM command_offsets WHERE log = ${log.name} AND partition = ${partition}))
        AND EXISTS (
          SELECT FROM command_logs WHERE log = ${log.name} AND identity = ${log.identity})
      ON CONFLICT (log, partition) DO UPDATE
      SET next_offset = excluded.next_offset, batches = stored.batches + excluded.batches
      WHERE stored.next_offset = ${expected}`
    return result.count === 1
  },
  async version() {
    const [row] = await sql<{ version: string }[]>`
      SELECT sum(batches) AS version FROM command_offsets`
    return Number(row?.version)
  },
})

const setUp = async (t: Test) => {
  const url = await databaseBefore(t, ofThisRelease)
  const sql = postgres(url, { max: 4 })
  t.teardown(() => sql.end())
  await sql`
    INSERT INTO command_logs (log, identity, partitions) VALUES (${log.name}, ${log.identity}, 3)`
  const pool = createPool({ url, poolSize: 4, timeoutMs: 10_000 })
  t.teardown(pool.close)
  return { url, sql, old: oldProcess(sql), store: createPostgresStore(pool) }
}

t.test('the version is taken over, and both kinds of processes see it rise alike', async (t) => {
  const random = seeded(t)
  const { url, old, store } = await setUp(t)
  const offsets = [0, 0, 0]
  const applyOld = async (partition: number) => {
    t.ok(await old.apply(partition, offsets[partition] as number))
    offsets[partition] = (offsets[partition] as number) + 1
  }
  const applyNew = async (partition: number, listsMayChange: boolean) => {
    const expected = offsets[partition] as number
    const advance = { expected, next: expected + 1, numbers: [] }
    t.ok(await store.transaction((tx) => tx.advanceOffset(log, partition, advance, listsMayChange)))
    offsets[partition] = expected + 1
  }
  await applyOld(0)
  await applyOld(1)
  const before = await old.version()
  t.equal((await migrate(url, migrationsDirectory))[0], ofThisRelease)
  t.equal(await store.listVersion(), before, 'taken over')

  let version = before
  for (let round = 0; round < 60; round++) {
    const partition = random.below(3)
    const kind = random.below(4)
    if (kind === 0) await applyNew(partition, false)
    else {
      version++
      if (kind === 1) await applyOld(partition)
      else await applyNew(partition, true)
    }
    t.equal(await store.listVersion(), version, 'for a new server')
    t.equal(await old.version(), version, 'for an old one')
  }
  const advance = { expected: 1_000, next: 1_001, numbers: [] }
  t.notOk(await store.transaction((tx) => tx.advanceOffset(log, 0, advance, true)))
  t.equal(await store.listVersion(), version, 'a batch that does not fit raises nothing')
})

t.test('nothing that an old worker applies while the migration runs is missed', async (t) => {
  const { url, old, store } = await setUp(t)
  const born = await old.version()
  let isMigrated = false
  const seen: number[] = []
  const work = (async () => {
    let applied = 0
    while (!isMigrated || applied % 10 !== 0) {
      t.ok(await old.apply(0, applied))
      applied++
      seen.push(await old.version())
    }
    return applied
  })()
  await migrate(url, migrationsDirectory)
  isMigrated = true
  const applied = await work
  t.same(
    seen,
    seen.map((_, i) => born + i + 1),
    'one for each',
  )
  t.equal(await store.listVersion(), born + applied)
})

t.test('new workers of different partitions do not wait for each other', async (t) => {
  const { url, sql, store } = await setUp(t)
  await migrate(url, migrationsDirectory)
  await store.transaction(async (tx) => {
    t.ok(await tx.advanceOffset(log, 0, { expected: 0, next: 1, numbers: [] }, true))
    // Rejects in 10 s if it waits for the first, which waits for it.
    t.ok(
      await store.transaction((other) =>
        other.advanceOffset(log, 1, { expected: 0, next: 1, numbers: [] }, true),
      ),
    )
  })
  const [row] = await sql<{ count: number }[]>`
    SELECT count(*)::int FROM list_versions WHERE log = ${log.name}`
  t.equal(row?.count, 2)
})

t.test('a database without the table says so by its code', async (t) => {
  const { store } = await setUp(t)
  await t.rejects(store.listVersion(), { code: '42P01' }, 'run npm run migrate')
})
