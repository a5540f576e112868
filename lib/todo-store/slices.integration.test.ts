// Slices of lists: a walk from slice to slice meets every todo once, whatever is written meanwhile, and
// what one of them costs does not depend on where it is. The plans are read, not the clock.

import postgres from 'postgres'
import t, { type Test } from 'tap'
import { createPool, type Sql } from '../drivers/postgres/pool.ts'
import { pagedMax, type Position, type Range, type Slice } from '../domain/page.ts'
import { todoJson, type TodoRow } from '../domain/todo.ts'
import { seeded } from '../../testing/seeded.ts'
import { testDatabase } from '../../testing/services.ts'
import { partsOf } from './owners.ts'
import { pageQuery } from './pages.ts'
import { createPostgresStore } from './postgres.ts'
import { sliceQuery, type Owner } from './slices.ts'
import type { TodoStore } from './todo-store.ts'

const setUp = async (t: Test) => {
  const url = await testDatabase(t)
  const store = createPostgresStore(createPool({ url, poolSize: 2, timeoutMs: 10_000 }))
  t.teardown(() => store.close())
  return { url, store }
}

const todosOf = ({ body }: Slice) => JSON.parse(body.toString()) as { id: string }[]

const noChanges = { inserts: [], updates: [], deletes: [] }

const sliceOf = (store: TodoStore, owner: Owner, range: Range) => {
  if (owner === 'public') return store.readPublicSlice(range)
  const { kind, id } = partsOf(owner)
  return kind === 'team' ? store.readTeamSlice(id, range) : store.readPersonalSlice(id, range)
}

void t.test('a walk meets what exists throughout exactly once, in order', async (t) => {
  const random = seeded(t)
  const { store } = await setUp(t)
  let made = 0
  // Few moments, so that many todos share one, and ids in no order.
  const row = (owner: Owner): TodoRow => ({
    id: `${random.below(1e9).toString(36)}-${made++}`,
    title: 'a title',
    description: '',
    completed: false,
    user_id: owner.startsWith('user:') ? owner.slice(5) : 'ann',
    created_at: new Date(1_795_000_000_000 + random.below(12)),
    updated_at: new Date(1_795_000_000_000),
    revision: 1,
    is_personal: owner !== 'public',
    team_id: owner.startsWith('team:') ? owner.slice(5) : null,
    assignee_id: null,
  })
  const insert = (inserts: TodoRow[]) =>
    store.transaction((tx) => tx.write({ ...noChanges, inserts }))
  const remove = (deletes: string[]) =>
    store.transaction((tx) => tx.write({ ...noChanges, deletes }))

  for (const owner of ['public', 'user:ann', 'user:bob', 'team:red', 'team:blue'] as const) {
    const held = Array.from({ length: 120 }, () => row(owner))
    const passing = Array.from({ length: 40 }, () => row(owner))
    await insert([...held, ...passing])
    await insert(Array.from({ length: 20 }, () => row('user:eve')))

    const seen: string[] = []
    let after: Position | undefined
    let isAtEnd = false
    while (!isAtEnd) {
      const count = 1 + random.below(9)
      const range = { after, count }
      const slice = await sliceOf(store, owner, range)
      const ids = todosOf(slice).map(({ id }) => id)
      seen.push(...ids)
      if (slice.next) t.same([ids.length, ids.at(-1)], [count, slice.next.id])
      else t.ok(ids.length <= count)
      // Also the one that the next slice begins after.
      const gone = passing.filter(({ id }) => random.below(8) === 0 || id === slice.next?.id)
      await remove(gone.map(({ id }) => id))
      await insert(Array.from({ length: random.below(3) }, () => row(owner)))
      after = slice.next
      isAtEnd = after === undefined
    }
    const heldInOrder = held
      .toSorted((a, b) => +b.created_at - +a.created_at || (a.id < b.id ? 1 : -1))
      .map(({ id }) => id)
    const isHeld = new Set(heldInOrder)
    t.same(
      seen.filter((id) => isHeld.has(id)),
      heldInOrder,
      owner ?? 'public',
    )
    t.equal(new Set(seen).size, seen.length, 'nothing twice')
  }
})

void t.test('a place is compared to the millisecond, and by the bytes of ids', async (t) => {
  const { store } = await setUp(t)
  const at = (ms: number, id: string): TodoRow => ({
    id,
    title: 'x',
    description: '',
    completed: false,
    user_id: 'ann',
    created_at: new Date(ms),
    updated_at: new Date(ms),
    revision: 1,
    is_personal: false,
    team_id: null,
    assignee_id: null,
  })
  // The ends of what is stored, neighbours, and letters that languages sort otherwise.
  const rows = [
    at(253_402_300_799_999, 'last'),
    at(1_795_000_000_124, 'a'),
    ...['z', 'b', 'a', '_', 'Z', 'B', '9', '-'].map((id) => at(1_795_000_000_123, `x${id}`)),
    at(1_795_000_000_122, 'z'),
    at(1, 'one'),
    at(0, 'zero'),
    at(-1, 'before'),
  ]
  await store.transaction((tx) => tx.write({ ...noChanges, inserts: rows.toReversed() }))
  for (const [i, { created_at: createdAt, id }] of rows.entries()) {
    const range = { after: { createdAt, id }, count: 3 }
    const { body, next } = await store.readPublicSlice(range)
    const expected = rows.slice(i + 1, i + 4)
    t.equal(body.toString(), `[${expected.map(todoJson).join(',\n')}]`, id)
    const last = rows[i + 3]
    t.same(next, rows[i + 4] && last && { createdAt: last.created_at, id: last.id })
  }
})

type Plan = {
  readonly 'Node Type': string
  readonly 'Subplan Name'?: string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly 'Actual Rows'?: number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly Plan[]
}
const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]

/** Todos of the public, of one user, and of one team, all made by that user. */
const depth = 20_000
const count = 100

void t.test('a slice reads its own rows by the index, wherever it is', async (t) => {
  const { url } = await setUp(t)
  const sql = postgres(url, { max: 1 })
  t.teardown(() => sql.end())
  for (const [letter, isPersonal, teamId] of [
    ['t', false, null],
    ['p', true, null],
    ['m', true, 'red'],
  ] as const) {
    await sql`
      INSERT INTO todos
      SELECT ${letter}::text || n, 'a title', '', false, 'ann',
        '2026-01-01'::timestamptz + n * interval '1 ms', now(), 1, ${isPersonal}, ${teamId}
      FROM generate_series(1, ${depth}) AS n`
  }
  await sql`ANALYZE todos`
  for (const [owner, index, letter] of [
    ['public', 'todos_newest_first', 't'],
    ['user:ann', 'own_todos_newest_first', 'p'],
    ['team:red', 'team_todos_newest_first', 'm'],
  ] as const) {
    for (const skipped of [0, 1_000, depth - 2 * count]) {
      const id = depth - skipped
      const createdAt = new Date(Date.UTC(2026, 0, 1) + id)
      const after = skipped === 0 ? undefined : { createdAt, id: `${letter}${id}` }
      const name = `${owner} after ${skipped}`
      for (const [kind, nodes] of Object.entries(await plansOf(sql, owner, after))) {
        t.same(
          nodes.map((node) => node['Node Type']),
          ['Limit', 'WindowAgg', 'Index Scan'],
          `${name}, ${kind}: read in order, and no further`,
        )
        const scan = nodes.at(-1)
        t.equal(scan?.['Index Name'], index)
        if (after) t.match(scan?.['Index Cond'], /ROW\(created_at, id\) </)
        if (kind === 'generic') continue
        t.equal(scan?.['Actual Rows'], count + 1, 'rows read')
        t.notOk(scan?.['Rows Removed by Filter'], 'and none for nothing')
      }
    }
  }
})

void t.test('a page by its number reads and counts within a bound', async (t) => {
  const { url, store } = await setUp(t)
  const sql = postgres(url, { max: 1 })
  t.teardown(() => sql.end())
  // Others first, so that a scan of the table would go through them.
  for (const user of ['others', 'ann']) {
    await sql`
      INSERT INTO todos
      SELECT ${user}::text || n, 'a title', '', false, ${user},
        '2026-01-01'::timestamptz + n * interval '1 ms', now(), 1, true
      FROM generate_series(1, ${depth}) AS n`
  }
  await sql`ANALYZE todos`
  const last = { owner: 'user:ann' as const, limit: count, page: pagedMax / count }
  for (const [text, isRun] of [
    ['ANALYZE', true],
    ['GENERIC_PLAN', false],
  ] as const) {
    const query = pageQuery(sql, last)
    const [row] = isRun
      ? await sql<Explained[]>`EXPLAIN (ANALYZE, FORMAT JSON) ${query}`
      : await sql.unsafe<Explained[]>(
          `EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${(await query).statement.string}`,
        )
    const scans = nodesOf(planOf(row)).filter(
      (node) => node['Index Name'] === 'own_todos_newest_first',
    )
    t.equal(scans.length, 2, `${text}: its rows, and what is counted`)
    t.notOk(
      nodesOf(planOf(row)).some(
        (node) => node['Relation Name'] === 'todos' && !scans.includes(node),
      ),
    )
    for (const scan of scans) {
      t.match(scan['Node Type'], /^Index (Only )?Scan$/, 'in order')
      if (isRun) t.ok((scan['Actual Rows'] ?? Infinity) <= pagedMax + 1, 'and no further')
    }
  }
  t.equal((await store.readPage(last)).total, pagedMax + 1)
})

type Explained = { readonly 'QUERY PLAN': readonly { readonly Plan: Plan }[] }
const planOf = (row: Explained | undefined) => row?.['QUERY PLAN'][0]?.Plan as Plan

/** How the todos are read: as it ran, and as it would be planned once for all places. */
const plansOf = async (sql: Sql, owner: Owner, after: Position | undefined) => {
  const range = { after, count }
  const [ran] = await sql<Explained[]>`
    EXPLAIN (ANALYZE, FORMAT JSON) ${sliceQuery(sql, owner, range)}`
  const { statement } = await sliceQuery(sql, owner, range)
  const [generic] = await sql.unsafe<Explained[]>(
    `EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${statement.string}`,
  )
  const nodes = (row: Explained | undefined) =>
    nodesOf(nodesOf(planOf(row)).find((node) => node['Subplan Name'] === 'CTE listed') as Plan)
  return { analyzed: nodes(ran), generic: nodes(generic) }
}
