// What concurrent readers and writers may see, on a real Postgres under Read Committed: many writers
// at random over the same rows, and every pair of readers and writers in a schedule made by hand.

import postgres from 'postgres'
import t, { type Test } from 'tap'
import { createPool } from '../drivers/postgres/pool.ts'
import { eventually } from '../../testing/eventually.ts'
import { seeded } from '../../testing/seeded.ts'
import { testDatabase } from '../../testing/services.ts'
import { createPostgresStore } from './postgres.ts'
import type { StoreTransaction } from './todo-store.ts'
import type { TodoRow } from '../domain/todo.ts'

const fixtureLog = { name: 'log', identity: 'kafka:cluster:topic' }

const setUp = async (t: Test, poolSize = 4) => {
  const url = await testDatabase(t)
  const store = createPostgresStore(createPool({ url, poolSize, timeoutMs: 30_000 }))
  const sql = postgres(url, { max: 2 })
  t.teardown(async () => {
    await store.close()
    await sql.end()
  })
  await store.registerLog(fixtureLog.name, { identity: fixtureLog.identity, partitions: 1 })
  const insert = (...ids: string[]) =>
    store.transaction((tx) => tx.write({ inserts: ids.map(row), updates: [], deletes: [] }))
  const todo = async (id: string) => (await sql<TodoRow[]>`SELECT * FROM todos WHERE id = ${id}`)[0]
  const oneWaits = () =>
    eventually(
      async () => {
        const rows = await sql`
          SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`
        return rows.count
      },
      (waiting) => waiting === 1,
    )
  return { url, store, sql, insert, todo, oneWaits }
}

const row = (id: string): TodoRow => ({
  id,
  title: 'before',
  description: '',
  completed: false,
  user_id: 'ann',
  created_at: new Date(1_000),
  updated_at: new Date(1_000),
  revision: 0,
  is_personal: false,
  team_id: null,
  assignee_id: null,
})

const update = (tx: StoreTransaction, ...updates: TodoRow[]) =>
  tx.write({ inserts: [], updates, deletes: [] })

/** A gate that a transaction waits at, and `arrived`: that it is there. */
const gate = () => {
  let arrive = () => {}
  let open = () => {}
  const arrived = new Promise<void>((resolve) => (arrive = resolve))
  const opened = new Promise<void>((resolve) => (open = resolve))
  const pass = () => {
    arrive()
    return opened
  }
  return { arrived, pass, open }
}

t.test('12 writers over 400 rows neither deadlock nor lose an update', async (t) => {
  const [writers, batches, size, todos] = [12, 40, 200, 400]
  const { store, sql, insert } = await setUp(t, writers)
  const random = seeded(t)
  const ids = Array.from({ length: todos }, (_, i) => `todo-${i}`)
  await insert(...ids)
  const expected = new Map(ids.map((id) => [id, 0]))
  await Promise.all(
    Array.from({ length: writers }, async (_, partition) => {
      for (let batch = 0; batch < batches; batch++) {
        const commands = new Map<string, number>()
        for (let i = 0; i < size; i++) {
          const id = ids[random.below(todos)]!
          commands.set(id, (commands.get(id) ?? 0) + 1)
        }
        await store.transaction(async (tx) => {
          await tx.advanceOffset(
            fixtureLog,
            partition,
            { expected: batch * size, next: (batch + 1) * size, numbers: [] },
            true,
          )
          const rows = await tx.lockTodos([...commands.keys()])
          const changed = [...rows.values()].map((one) => ({
            ...one,
            revision: one.revision + (commands.get(one.id) ?? 0),
          }))
          await update(tx, ...changed)
        })
        for (const [id, count] of commands) expected.set(id, (expected.get(id) ?? 0) + count)
      }
    }),
  )
  const rows = await sql<TodoRow[]>`SELECT id, revision FROM todos`
  const wrong = rows.filter((one) => one.revision !== expected.get(one.id))
  t.same(wrong, [], 'each row has counted every command that was meant for it')
  t.equal(await store.nextOffset('log', writers - 1), batches * size)
  const [stats] = await sql<{ deadlocks: string }[]>`
    SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`
  t.equal(Number(stats?.deadlocks), 0)
})

t.test('write-write: the second waits, and goes on from what the first has left', async (t) => {
  const { store, insert, todo, oneWaits } = await setUp(t)
  await insert('a')
  const raise = (title: string, pass?: () => Promise<void>) =>
    store.transaction(async (tx) => {
      const seen = (await tx.lockTodos(['a'])).get('a')!
      await update(tx, { ...seen, title, revision: seen.revision + 1 })
      await pass?.()
      return seen
    })
  const holding = gate()
  const first = raise('first', holding.pass)
  await holding.arrived
  const second = raise('second')
  await oneWaits()
  t.match(await todo('a'), { title: 'before', revision: 0 }, 'neither is to be seen yet')
  holding.open()
  await first
  t.match(await second, { title: 'first', revision: 1 })
  t.match(await todo('a'), { title: 'second', revision: 2 })
})

t.test('write-write: an update that waits behind a delete brings nothing back', async (t) => {
  const { store, insert, todo, oneWaits } = await setUp(t)
  await insert('locks', 'blind')
  const holding = gate()
  const deleting = store.transaction(async (tx) => {
    await tx.lockTodos(['blind', 'locks'])
    await tx.write({ inserts: [], updates: [], deletes: ['blind', 'locks'] })
    await holding.pass()
  })
  await holding.arrived
  const locked = store.transaction((tx) => tx.lockTodos(['locks']))
  await oneWaits()
  holding.open()
  await deleting
  t.equal((await locked).size, 0, 'whoever locks first sees that it is gone')

  await insert('blind')
  const again = gate()
  const deletingAgain = store.transaction(async (tx) => {
    await tx.write({ inserts: [], updates: [], deletes: ['blind'] })
    await again.pass()
  })
  await again.arrived
  const blind = store.transaction((tx) => update(tx, { ...row('blind'), title: 'back' }))
  await oneWaits()
  again.open()
  await Promise.all([deletingAgain, blind])
  t.equal(await todo('blind'), undefined, 'and so does an update that never looked')
})

t.test('read-write: a reader never waits for a writer, and sees what is committed', async (t) => {
  const { store, insert } = await setUp(t)
  await insert('a')
  const titles = async () => {
    const { body } = await store.readList('newest')
    return (JSON.parse(body.toString()) as TodoRow[]).map((one) => one.title)
  }
  const holding = gate()
  const writing = store.transaction(async (tx) => {
    const seen = (await tx.lockTodos(['a'])).get('a')!
    await update(tx, { ...seen, title: 'after' })
    await holding.pass()
  })
  await holding.arrived
  t.same(await titles(), ['before'], 'answered while the writer holds its locks')
  holding.open()
  await writing
  t.same(await titles(), ['after'])

  const failing = gate()
  const undone = store.transaction(async (tx) => {
    await update(tx, { ...row('a'), title: 'undone' })
    await failing.pass()
    throw new Error('undo this')
  })
  await failing.arrived
  t.same(await titles(), ['after'], 'nor what is undone later')
  failing.open()
  await t.rejects(undone, { message: 'undo this' })
  t.same(await titles(), ['after'])
})

t.test('read-read: two statements may see different data, a list may not', async (t) => {
  const { url, store, insert } = await setUp(t)
  await insert('a')
  const commit = (partition: number, id: string) =>
    store.transaction(async (tx) => {
      await tx.advanceOffset(fixtureLog, partition, { expected: 0, next: 1, numbers: [] }, true)
      await tx.write({ inserts: [row(id)], updates: [], deletes: [] })
    })
  const reader = postgres(url, { max: 1 })
  t.teardown(() => reader.end())
  const count = async () => (await reader`SELECT FROM todos`).count
  await reader.unsafe('BEGIN')
  t.equal(await count(), 1)
  await commit(0, 'b')
  t.equal(await count(), 2, 'Read Committed: each statement has a snapshot of its own')
  await reader.unsafe('COMMIT')

  // Each commit adds one todo and raises the version by one: a list of two snapshots would not agree.
  const base = (await store.listVersion()) - (await count())
  let isWriting = true
  const writing = (async () => {
    for (let n = 0; n < 300; n++) {
      await store.transaction(async (tx) => {
        await tx.advanceOffset(fixtureLog, 1, { expected: n, next: n + 1, numbers: [] }, true)
        await tx.write({ inserts: [row(`n${n}`)], updates: [], deletes: [] })
      })
    }
    isWriting = false
  })()
  const versions = new Set<number>()
  while (isWriting) {
    const { version, body } = await store.readList('all')
    versions.add(version)
    const todos = (JSON.parse(body.toString()) as TodoRow[]).length
    if (todos !== version - base) t.fail(`${todos} todos at version base + ${version - base}`)
  }
  await writing
  t.ok(versions.size > 10, `${versions.size} versions were read amid the writes`)
})
