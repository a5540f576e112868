// Lists as Postgres writes them: the same bytes as a todo's JSON anywhere else.

import t from 'tap'
import { createPool } from '../drivers/postgres/pool.ts'
import { seeded } from '../../testing/seeded.ts'
import { seed } from '../../scripts/seed.ts'
import { isTooLong } from '../domain/list.ts'
import { testDatabase } from '../../testing/services.ts'
import { todoJson } from '../domain/todo.ts'
import { createPostgresStore } from './postgres.ts'
import type { TodoRow } from '../domain/todo.ts'

const awkward = [
  '"',
  '\\',
  '/',
  '\b',
  '\f',
  '\n',
  '\r',
  '\t',
  '\u0001',
  '\u001f',
  '\u007f',
  '\u0080',
  '\u2028',
  '\u2029',
  '\ufeff',
  '\uffff',
  'é',
  '😀',
  '<',
  '>',
  '&',
  "'",
  '%',
  '$1',
  ' ',
  'a',
]

void t.test('a list is its todos as JSON, whatever is in them', async (t) => {
  const random = seeded(t)
  const store = createPostgresStore(
    createPool({
      url: await testDatabase(t),
      poolSize: 1,
      timeoutMs: 10_000,
    }),
  )
  t.teardown(() => store.close())
  const text = (max: number) =>
    Array.from({ length: random.below(max) }, () => awkward[random.below(awkward.length)]).join('')
  const time = () =>
    new Date(random.below(2) ? random.below(4_102_444_800_000) : random.below(9_999))
  const rows = Array.from({ length: 300 }, (_, i): TodoRow => ({
    id: `id-${i}`,
    title: `t${text(60)}`,
    description: text(200),
    completed: random.below(2) === 0,
    user_id: `u${text(20)}`,
    created_at: i === 0 ? new Date(253_402_300_799_999) : time(),
    updated_at: i === 1 ? new Date(0) : time(),
    revision: 1,
    is_personal: false,
    team_id: null,
    assignee_id: null,
  }))
  await store.transaction((tx) => tx.write({ inserts: rows, updates: [], deletes: [] }))
  const newestFirst = rows.toSorted(
    (a, b) => b.created_at.getTime() - a.created_at.getTime() || (a.id < b.id ? 1 : -1),
  )
  const { body } = await store.readList('all')
  t.equal(body.toString(), `[${newestFirst.map(todoJson).join(',\n')}]`)
})

void t.test('a list of no todos is an empty array', async (t) => {
  const store = createPostgresStore(
    createPool({ url: await testDatabase(t), poolSize: 1, timeoutMs: 10_000 }),
  )
  t.teardown(() => store.close())
  t.equal((await store.readList('newest')).body.toString(), '[]')
})

void t.test('a list of all that is too long is not read, but has its version', async (t) => {
  const url = await testDatabase(t)
  await seed({ databaseUrl: url, count: 300 }, () => {})
  const read = async (wholeListMax: number) => {
    const store = createPostgresStore(
      createPool({ url, poolSize: 1, timeoutMs: 10_000 }),
      wholeListMax,
    )
    t.teardown(() => store.close())
    const [all, newest] = [await store.readList('all'), await store.readList('newest')]
    t.equal(all.version, newest.version)
    t.notOk(isTooLong(newest))
    return all
  }
  t.ok(isTooLong(await read(0)))
  t.ok(isTooLong(await read(299)))
  const { body } = await read(300)
  t.equal((JSON.parse(body.toString()) as unknown[]).length, 300)
})
