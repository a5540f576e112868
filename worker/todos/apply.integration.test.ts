// One batch, one transaction, against a real Postgres: fenced offsets, commands logged twice, poison,
// and writers that meet on the same rows.

import postgres from 'postgres'
import t, { type Test } from 'tap'
import { createPool } from '../../lib/drivers/postgres/pool.ts'
import { encodeCommand, type Command } from '../../lib/domain/command.ts'
import type { LogRecord } from '../../lib/command-log/command-log.ts'
import { createPostgresStore } from '../../lib/todo-store/postgres.ts'
import type { TodoRow } from '../../lib/domain/todo.ts'
import { seeded } from '../../testing/seeded.ts'
import { testDatabase } from '../../testing/services.ts'
import { applyBatch } from './apply.ts'
import { fold } from './fold.ts'
import { readRecord } from './fresh.ts'
import { randomCommands } from '../../testing/random-commands.ts'

const fixtureLog = { name: 'log', identity: 'kafka:cluster:topic' }

const setUp = async (t: Test, poolSize = 2) => {
  const url = await testDatabase(t)
  const store = createPostgresStore(createPool({ url, poolSize, timeoutMs: 20_000 }))
  const sql = postgres(url, { max: 1 })
  t.teardown(async () => {
    await store.close()
    await sql.end()
  })
  await store.registerLog(fixtureLog.name, { identity: fixtureLog.identity, partitions: 1 })
  const apply = (partition: number, first: number, values: readonly (Command | Buffer | null)[]) =>
    applyBatch(store, {
      log: fixtureLog,
      partition,
      records: records(first, values).map(readRecord),
      numbers: new Map(),
    })
  const todos = () => sql<TodoRow[]>`SELECT * FROM todos ORDER BY id`
  return { url, store, sql, apply, todos }
}

const records = (first: number, values: readonly (Command | Buffer | null)[]): LogRecord[] =>
  values.map((value, i) => ({
    offset: first + i,
    value: value === null || Buffer.isBuffer(value) ? value : Buffer.from(encodeCommand(value)),
  }))

const create = (id: string, over: Partial<Command> = {}) =>
  ({
    kind: 'create',
    commandId: `create-${id}`,
    todoId: id,
    userId: 'ann',
    atMs: 1_000,
    title: `todo ${id}`,
    description: '',
    ...over,
  }) as Command

t.test('a batch at another offset than the stored one changes nothing', async (t) => {
  const { store, apply, todos } = await setUp(t)
  t.same(
    await apply(0, 5, [create('a')]),
    { kind: 'fenced' },
    'nothing stored yet: only 0 is right',
  )
  t.match(await apply(0, 0, [create('a'), create('b')]), { kind: 'applied' })
  const version = await store.listVersion()
  t.same(await apply(0, 0, [create('c')]), { kind: 'fenced' }, 'a redelivery')
  t.same(await apply(0, 1, [create('c')]), { kind: 'fenced' })
  t.same(await apply(0, 3, [create('c')]), { kind: 'fenced' }, 'a gap')
  t.equal((await todos()).length, 2)
  t.equal(await store.listVersion(), version)
  t.match(await apply(1, 0, [create('c')]), { kind: 'applied' }, 'each partition has its own')
  t.equal(await store.listVersion(), version + 1)
  t.equal(await store.nextOffset('log', 0), 2)
})

t.test('a batch that knows other numbers than the stored ones changes nothing', async (t) => {
  const { store, todos } = await setUp(t)
  const by = 'a-server-process'
  const apply = (first: number, known: number, commands: readonly Command[]) =>
    applyBatch(store, {
      log: fixtureLog,
      partition: 0,
      records: commands.map((command, i) => {
        const stamp = { by, number: first + i + 1 }
        return readRecord({ offset: first + i, value: Buffer.from(encodeCommand(command, stamp)) })
      }),
      numbers: new Map([[by, known]]),
    })
  t.match(await apply(0, 0, [create('a'), create('b')]), {
    kind: 'applied',
    numbers: [{ publisher: by, expected: 0, next: 2 }],
  })
  const toggle = { ...create('a', { commandId: 'toggle' }), kind: 'toggle' } as Command
  for (const next of [create('c'), toggle]) {
    for (const known of [0, 1, 3]) {
      t.same(await apply(2, known, [next]), { kind: 'fenced' }, `${next.kind} at ${known}`)
    }
  }
  t.same(
    await store.numbersOf('log', 0, [by, 'another']),
    new Map([
      [by, 2],
      ['another', 0],
    ]),
  )
  t.equal((await todos()).length, 2)
  t.match(await apply(2, 2, [toggle]), { kind: 'applied' })
  t.same(await store.numbersOf('log', 1, [by]), new Map([[by, 0]]), 'each partition has its own')
})

t.test('a todo that is there already, or twice in a batch, is made once', async (t) => {
  const { store, todos } = await setUp(t)
  const apply = (first: number, ids: readonly string[]) =>
    applyBatch(store, {
      log: fixtureLog,
      partition: 0,
      records: ids.map((id, i) => {
        const stamp = { by: 'a-server-process', number: first + i + 1 }
        const value = Buffer.from(encodeCommand(create(id, { commandId: `c${first + i}` }), stamp))
        return readRecord({ offset: first + i, value })
      }),
      numbers: new Map([['a-server-process', first]]),
    })
  const outcomes = async (first: number, ids: readonly string[]) => {
    const result = await apply(first, ids)
    return result.kind === 'applied' && result.effects.map(({ outcome }) => outcome)
  }
  t.same(await outcomes(0, ['a', 'b', 'a']), ['applied', 'applied', 'exists'])
  t.same(await outcomes(3, ['c', 'b']), ['applied', 'exists'])
  t.same(await outcomes(5, ['d']), ['applied'])
  t.same(
    (await todos()).map(({ id, revision }) => [id, revision]),
    [
      ['a', 1],
      ['b', 1],
      ['c', 1],
      ['d', 1],
    ],
  )
})

t.test(
  "personal todos change their owner's version, and not that of the public lists",
  async (t) => {
    const { store, apply } = await setUp(t)
    const mine = { isPersonal: true } as const
    t.match(await apply(0, 0, [create('public')]), { pages: new Map() })
    const version = await store.listVersion()
    const first = await store.pagesVersion('user:ann')
    t.equal(first, 0)
    const both = [create('a', mine), create('b', { ...mine, userId: 'bob' })]
    const made = await apply(0, 1, both)
    const second = await store.pagesVersion('user:ann')
    t.ok(second > first)
    t.match(made, {
      pages: new Map([
        ['user:ann', second],
        ['user:bob', await store.pagesVersion('user:bob')],
      ]),
    })
    const refused = { ...mine, commandId: 'again' }
    t.match(await apply(0, 3, [create('a', refused)]), { pages: new Map() })
    t.equal(await store.pagesVersion('user:ann'), second, 'nothing of hers has changed')
    t.equal(await store.listVersion(), version)
    t.notMatch((await store.readList('all')).body.toString(), '"a"')
    t.match(await store.readPersonalTodo('ann', 'a'), { row: { id: 'a' }, standing: 'owner' })
    t.equal(await store.readPersonalTodo('bob', 'a'), undefined)
    t.equal(await store.readPersonalTodo('ann', 'public'), undefined)
    t.equal(await store.readTodo('a'), undefined)
    await apply(0, 4, [create('c')])
    t.equal(await store.listVersion(), version + 1)
  },
)

t.test('of two workers with the same batch one applies it', async (t) => {
  const { apply, todos } = await setUp(t, 4)
  const results = await Promise.all([0, 0, 0, 0].map(() => apply(0, 0, [create('a'), create('b')])))
  t.same(results.map((one) => one.kind).sort(), ['applied', 'fenced', 'fenced', 'fenced'])
  t.same(
    (await todos()).map((todo) => todo.revision),
    [1, 1],
  )
})

t.test('a command that was logged twice is applied once', async (t) => {
  const { apply, todos } = await setUp(t)
  const update: Command = {
    kind: 'update',
    commandId: 'u',
    todoId: 'a',
    userId: 'ann',
    atMs: 2_000,
    change: { completed: true },
  }
  const first = await apply(0, 0, [create('a'), update, update])
  t.match(first, { effects: [{ outcome: 'applied' }, { outcome: 'applied' }], duplicates: 1 })
  t.match(await apply(0, 3, [update, create('a')]), { effects: [], duplicates: 2, letters: [] })
  t.match(await todos(), [{ id: 'a', completed: true, revision: 2 }])
})

t.test('a condition and a toggle are applied once, and compared with what is stored', async (t) => {
  const { apply, store, todos } = await setUp(t)
  const of = (commandId: string, over: object) =>
    ({ commandId, todoId: 'a', userId: 'ann', atMs: 2_000, ...over }) as Command
  const toggle = of('toggle', { kind: 'toggle' })
  const mine = of('mine', { kind: 'update', change: { title: 'mine' }, ifRevision: [2] })
  const late = of('late', { kind: 'delete', ifRevision: [2] })
  await apply(0, 0, [create('a'), toggle])
  t.match(await apply(0, 2, [toggle, mine, late, mine]), { duplicates: 2 })
  t.match(await apply(0, 6, [mine, toggle, late]), { effects: [], duplicates: 3 })
  t.match(await todos(), [{ title: 'mine', completed: true, revision: 3 }])
  const outcomes = await store.outcomesOf(['toggle', 'mine', 'late'])
  t.same(
    ['toggle', 'mine', 'late'].map((one) => outcomes.get(one)),
    ['applied', 'applied', 'precondition-failed'],
  )
})

t.test('poison is set aside with its reason and its bytes, the rest is applied', async (t) => {
  const { sql, apply, todos } = await setUp(t)
  const odd = [
    Buffer.from('not json'),
    null,
    Buffer.from('[]'),
    Buffer.from(JSON.stringify({ schema: 99 })),
    Buffer.from(encodeCommand(create('x', { title: 'x'.repeat(1_000_000) }))),
    Buffer.from(encodeCommand(create('x')).replace('create"', 'explode"')),
    Buffer.from([0xff, 0xfe]),
  ]
  const result = await apply(0, 0, [create('a'), ...odd, create('b')])
  t.ok(result.kind === 'applied' && result.letters.length === odd.length)
  t.same(
    (await todos()).map((todo) => todo.id),
    ['a', 'b'],
  )
  const letters = await sql`SELECT * FROM dead_letters ORDER BY record_offset`
  t.same(
    letters.map((letter) => Number(letter['record_offset'])),
    [1, 2, 3, 4, 5, 6, 7],
  )
  t.same(letters[0]?.['record'], odd[0], 'as it came')
  t.match(letters[3], { log: 'log', partition: 0, reason: /schema must be 1, 2, 3 or 4/ })
})

t.test('what only the database refuses is set aside alone', async (t) => {
  const { sql, apply, todos } = await setUp(t)
  await sql`ALTER TABLE todos ADD CONSTRAINT no_thirteen CHECK (title <> 'todo 13')`
  const result = await apply(0, 0, [create('12'), create('13'), create('14')])
  t.match(result, {
    effects: [{ command: { todoId: '12' } }, { command: { todoId: '14' } }],
    letters: [{ offset: 1, command: { todoId: '13' } }],
    duplicates: 0,
  })
  t.same(
    (await todos()).map((todo) => todo.id),
    ['12', '14'],
  )
  const letters = await sql`SELECT record_offset, reason FROM dead_letters`
  t.match([...letters], [{ record_offset: '1', reason: /no_thirteen/ }])
  t.equal((await sql`SELECT FROM command_outcomes`).count, 2)
})

t.test('what a command came to is kept by its id', async (t) => {
  const { sql, apply } = await setUp(t)
  const change = { title: 'changed' }
  const update = (commandId: string, todoId: string, userId: string): Command => ({
    kind: 'update',
    commandId,
    todoId,
    userId,
    atMs: 2_000,
    change,
  })
  const result = await apply(0, 0, [create('a'), update('1', 'a', 'eve'), update('2', 'b', 'ann')])
  t.same(
    result.kind === 'applied' &&
      result.effects.map(({ command, outcome }) => [command.commandId, outcome]),
    [
      ['create-a', 'applied'],
      ['1', 'forbidden'],
      ['2', 'not-found'],
    ],
  )
  const rows = await sql<{ command_id: string; outcome: string }[]>`
    SELECT command_id, outcome FROM command_outcomes ORDER BY 1`
  t.same(
    rows.map((one) => [one.command_id, one.outcome]),
    [
      ['1', 'forbidden'],
      ['2', 'not-found'],
      ['create-a', 'applied'],
    ],
  )
})

t.test('random batches leave the table that the model leaves', async (t) => {
  const { apply, todos } = await setUp(t)
  const random = seeded(t)
  const table = new Map<string, TodoRow>()
  const known = new Set<string>()
  let offset = 0
  for (let batch = 0; batch < 150; batch++) {
    const commands = randomCommands(random, 1 + random.below(30), 20)
    await apply(0, offset, commands)
    offset += commands.length
    const fresh = commands.filter(({ commandId }) => !known.has(commandId) && known.add(commandId))
    const { inserts, updates, deletes } = fold(table, fresh).changes
    for (const id of deletes) table.delete(id)
    for (const one of [...inserts, ...updates]) table.set(one.id, one)
  }
  const expected = [...table.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  t.strictSame(JSON.parse(JSON.stringify(await todos())), JSON.parse(JSON.stringify(expected)))
})

t.test('writers that meet on the same rows neither deadlock nor lose an update', async (t) => {
  const writers = 12
  const { sql, apply, todos } = await setUp(t, writers)
  const random = seeded(t)
  const ids = Array.from({ length: 400 }, (_, i) => `todo-${i}`)
  await apply(
    writers,
    0,
    ids.map((id) => create(id)),
  )
  const batches = 15
  const size = 200
  // Different partitions, overlapping todos: the order of locks is all that keeps them apart.
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let batch = 0; batch < batches; batch++) {
        const commands = Array.from({ length: size }, (_, i): Command => ({
          kind: 'update',
          userId: 'ann',
          atMs: 2_000,
          change: { completed: true },
          commandId: `${writer}-${batch}-${i}`,
          todoId: ids[random.below(ids.length)] as string,
        }))
        await apply(writer, batch * size, commands)
      }
    }),
  )
  const total = (await todos()).reduce((sum, todo) => sum + todo.revision - 1, 0)
  t.equal(total, writers * batches * size, 'every update counts')
  const [stats] = await sql`
    SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`
  t.equal(Number(stats?.['deadlocks']), 0)
})
