// The upgrade to publishers' numbers: a worker from before sql/009 applies nothing any more, because it
// would not raise them. All else that older processes do goes on.

import { readFile } from 'node:fs/promises'
import postgres, { type Sql } from 'postgres'
import t, { type Test } from 'tap'
import { migrationsDirectory, repository } from '../../scripts/paths.ts'
import { databaseBefore } from '../../testing/older-database.ts'
import { migrate } from '../drivers/postgres/migrate.ts'
import { createPool } from '../drivers/postgres/pool.ts'
import { createPostgresStore } from './postgres.ts'
import { storeErrorKind } from './todo-store.ts'

const log = { name: 'log', identity: 'postgres:log' }
const ofThisRelease = '009-publisher-numbers.sql'
const refusal = 'this worker is older than migration 9: upgrade it'

/** The statements of the release before this one that name the table. */
const oldProcess = (sql: Sql) => ({
  /** As its worker does, in one transaction. */
  apply: (expected: number, ids: readonly string[]) =>
    sql.begin(async (tx) => {
      await tx`
        INSERT INTO command_offsets AS stored (log, partition, next_offset)
        VALUES (${log.name}, 0, ${expected + ids.length})
        ON CONFLICT (log, partition) DO UPDATE SET next_offset = excluded.next_offset
        WHERE stored.next_offset = ${expected}`
      const applied = await tx`
        SELECT command_id FROM applied_commands WHERE command_id = ANY(${ids as string[]})`
      await tx`
        INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at, revision)
        SELECT id, 'title', '', false, 'ann', now(), now(), 1 FROM unnest(${ids as string[]}::text[]) AS id`
      await tx`
        INSERT INTO applied_commands (command_id, outcome)
        SELECT * FROM unnest(${ids as string[]}::text[], ${ids.map(() => 'applied')}::text[])`
      return applied.count
    }),
  outcomesOf: (ids: readonly string[]) => sql`
    SELECT command_id, outcome FROM applied_commands WHERE command_id = ANY(${ids as string[]})`,
  isApplied: async (id: string) =>
    (await sql`SELECT FROM applied_commands WHERE command_id = ${id}`).count > 0,
  prune: async (olderThanSec: number) =>
    (
      await sql`
        DELETE FROM applied_commands WHERE ctid = ANY(ARRAY(
          SELECT ctid FROM applied_commands
          WHERE applied_at < now() - make_interval(secs => ${olderThanSec}) LIMIT 10000))`
    ).count,
})

const setUp = async (t: Test) => {
  const url = await databaseBefore(t, ofThisRelease)
  const sql = postgres(url, { max: 1 })
  t.teardown(() => sql.end())
  const pool = createPool({ url, poolSize: 2, timeoutMs: 10_000 })
  t.teardown(pool.close)
  return { url, sql, old: oldProcess(sql), store: createPostgresStore(pool) }
}

t.test('an older worker applies nothing any more, and says why', async (t) => {
  const { url, sql, old, store } = await setUp(t)
  await old.apply(0, ['a', 'b'])
  t.equal((await migrate(url, migrationsDirectory))[0], ofThisRelease)
  const error = await old.apply(2, ['c']).then(
    () => undefined,
    (refused: unknown) => refused,
  )
  t.match(error, { message: refusal })
  t.equal(storeErrorKind(error), 'passing', 'no dead letter: it tries again for ever')
  t.equal(await store.nextOffset(log.name, 0), 2)
  t.same(
    (await sql`SELECT id FROM todos ORDER BY id`).map((row) => row['id'] as string),
    ['a', 'b'],
  )
})

t.test('a transaction that such a worker has begun ends before or comes to nothing', async (t) => {
  const { url, sql, old } = await setUp(t)
  let applied = 0
  let isRefused = false
  const work = (async () => {
    while (!isRefused) {
      await old.apply(applied, [`todo-${applied}`]).then(
        () => applied++,
        (error: Error) => {
          t.equal(error.message, refusal)
          isRefused = true
        },
      )
    }
  })()
  await migrate(url, migrationsDirectory)
  await work
  const [row] = await sql`
    SELECT (SELECT count(*)::int FROM todos) AS todos,
      (SELECT count(*)::int FROM command_outcomes) AS outcomes`
  t.same({ ...row }, { todos: applied, outcomes: applied })
})

t.test('outcomes are kept, and found and pruned under both names', async (t) => {
  const { url, sql, old, store } = await setUp(t)
  await old.apply(0, ['a', 'b', 'c'])
  await migrate(url, migrationsDirectory)
  const known = new Map([
    ['a', 'applied'],
    ['c', 'applied'],
  ])
  t.same(await store.outcomesOf(['a', 'c', 'z']), known)
  const rows = await old.outcomesOf(['a', 'c', 'z'])
  t.same(new Map(rows.map((row) => [row['command_id'], row['outcome']])), known)
  t.ok(await old.isApplied('b'))
  t.notOk(await old.isApplied('z'))

  await sql`UPDATE command_outcomes SET applied_at = now() - interval '1 hour' WHERE command_id = 'a'`
  t.equal(await old.prune(1_800), 1)
  await sql`UPDATE command_outcomes SET applied_at = now() - interval '1 hour' WHERE command_id = 'b'`
  t.equal(await store.prune(1_800), 1)
  t.same([...(await store.outcomesOf(['a', 'b', 'c'])).keys()], ['c'])
})

t.test('a publisher that was not heard of for long is forgotten, and known anew', async (t) => {
  const { url, sql, store } = await setUp(t)
  await migrate(url, migrationsDirectory)
  await store.registerLog(log.name, { identity: log.identity, partitions: 1 })
  const [gone, here] = ['a-server-of-then', 'a-server-of-now-']
  const advance = (at: number, from: number) => ({
    expected: at,
    next: at + 1,
    numbers: [gone, here].map((publisher) => ({ publisher, expected: from, next: 5 })),
  })
  t.ok(await store.transaction((tx) => tx.advanceOffset(log, 0, advance(0, 0), true)))
  await sql`
    UPDATE publisher_numbers SET heard_at = now() - interval '1 hour' WHERE publisher = ${gone}`
  await store.prune(1_800)
  t.same(
    await store.numbersOf(log.name, 0, [gone, here]),
    new Map([
      [gone, 0],
      [here, 5],
    ]),
  )
  t.notOk(await store.transaction((tx) => tx.advanceOffset(log, 0, advance(1, 5), true)))
  const anew = { ...advance(1, 5), numbers: [{ publisher: gone, expected: 0, next: 9 }] }
  t.ok(await store.transaction((tx) => tx.advanceOffset(log, 0, anew, true)))
  const [row] = await sql`SELECT heard_at > now() - interval '1 minute' AS is_heard
    FROM publisher_numbers WHERE publisher = ${gone}`
  t.ok(row?.['is_heard'])
})

t.test('older workers apply again after what the upgrade guide says to do', async (t) => {
  const { url, sql, old } = await setUp(t)
  await old.apply(0, ['a'])
  await migrate(url, migrationsDirectory)
  await t.rejects(old.apply(1, ['b']), { message: refusal })
  const guide = await readFile(new URL('docs/how-to/upgrade.md', repository), 'utf8')
  const statements = /```sql\n(.*?)```/s.exec(guide.slice(guide.indexOf("## Publishers' numbers")))
  await sql.unsafe(statements?.[1] ?? '')
  t.equal(await old.apply(1, ['b']), 0)
  t.ok(await old.isApplied('a'))
  t.same(await migrate(url, migrationsDirectory), [ofThisRelease], 'and the upgrade comes again')
})
