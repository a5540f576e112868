// Erasures on a real Postgres: not before the log is applied, whoever dies on the way, and by one worker
// at a time. The whole, with servers and Redis, is in testing/system/deleted-account.test.ts.

import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { LogEnds } from '../../lib/accounts/erasures.ts'
import { createPostgresErasures, requestErasure } from '../../lib/accounts/postgres-erasures.ts'
import type { PageOwner } from '../../lib/domain/page.ts'
import { eraseUser, type Erased } from '../../lib/todo-store/erasing.ts'
import { createPostgresStore } from '../../lib/todo-store/postgres.ts'
import { databasesAt } from '../../testing/databases.ts'
import { eventually } from '../../testing/eventually.ts'
import { testDatabase } from '../../testing/services.ts'
import { silentLog } from '../../testing/settings.ts'
import { createErasing, createErasureCounts } from './erase-accounts.ts'

const waits = { usualSec: 0, lastSec: 0 }

const setUp = async (t: Test) => {
  const databases = databasesAt(await testDatabase(t))
  const pool = databases.pool('todos', { timeoutMs: 30_000 })
  t.teardown(() => databases.close())
  const erasures = createPostgresErasures(pool)
  const add = (userId: string, count: number) =>
    pool.run(
      (sql) => sql`
        INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at, revision, is_personal)
        SELECT ${userId} || n, 'title', '', false, ${userId}, now(), now(), 1, n % 2 = 0
        FROM generate_series(1, ${count}::int) AS n`,
    )
  const ownersOf = async (prefix: string) => {
    const rows = await pool.run(
      (sql) => sql<{ user_id: string; count: number; revision: number }[]>`
        SELECT user_id, count(*)::int AS count, max(revision) AS revision
        FROM todos WHERE starts_with(id, ${prefix}) GROUP BY 1 ORDER BY 1`,
    )
    return rows.map((row) => ({ ...row }))
  }
  const log: LogEnds = { identity: 'a', ends: new Map([[0, 5]]) }
  const world = { log, applied: new Map([[0, 5]]) }
  const counts = createErasureCounts()
  const seen: Erased[] = []
  const begin = (onErased: () => void = () => {}) => {
    const erasing = createErasing({
      erasures,
      eraseUser: (userId) => eraseUser(pool, userId),
      readEnds: () => Promise.resolve(world.log),
      readApplied: () => Promise.resolve(world.applied),
      onErased(erased) {
        seen.push(erased)
        onErased()
        return Promise.resolve()
      },
      forget: () => Promise.resolve(),
      counts,
      log: silentLog,
    })
    erasing.start()
    t.teardown(erasing.stop)
    return erasing
  }
  const request = (userId: string) => pool.transaction((sql) => requestErasure(sql, userId, waits))
  const waiting = async () => (await pool.run((sql) => sql`SELECT FROM erasures`)).count
  const done = (count: number) =>
    eventually(
      () => counts.done,
      (now) => now === count,
    )
  return { pool, erasures, add, ownersOf, world, counts, seen, begin, request, waiting, done }
}

void t.test('once the log is applied, and once more', async (t) => {
  const { pool, add, ownersOf, world, seen, begin, request, waiting, done } = await setUp(t)
  await add('ann', 2_500)
  await add('bob', 10)
  await request('ann')
  world.applied = new Map([[0, 4]])
  begin()
  await eventually(
    () => pool.run((sql) => sql`SELECT FROM erasures WHERE log_ends IS NOT NULL`),
    ({ count }) => count === 1,
  )
  t.same(await ownersOf('ann'), [{ user_id: 'ann', count: 2_500, revision: 1 }])
  // Another log took its place: where that one ended says nothing.
  world.log = { identity: 'b', ends: new Map([[0, 3]]) }
  await done(2)
  t.same(await ownersOf('ann'), [{ user_id: 'deleted', count: 1_250, revision: 2 }])
  t.equal((await ownersOf('bob')).length, 1, 'nobody else is touched')
  t.equal(await waiting(), 0)
  t.equal(seen.filter(({ lists }) => lists).length, 2, 'a thousand at once')
  t.ok(seen.some(({ pages }) => pages?.has('user:ann')))
})

void t.test('lists have another version in the transaction that changes them', async (t) => {
  const { pool, add } = await setUp(t)
  await add('ann', 10)
  const store = createPostgresStore(pool)
  const before = await store.listVersion()
  for await (const { lists } of eraseUser(pool, 'ann'))
    if (lists) t.equal(await store.listVersion(), before + 1)
  t.equal(await store.listVersion(), before + 1)
  const list = await store.readList('all')
  t.notMatch(list.body.toString(), '"user_id":"ann"')
})

void t.test("a team's todos stay, without a name, and its pages are others", async (t) => {
  const { pool } = await setUp(t)
  const teamId = randomUUID()
  await pool.run(
    (sql) => sql`
      INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at, revision, is_personal, team_id)
      VALUES ('a', 'title', '', false, 'ann', now(), now(), 1, true, ${teamId})`,
  )
  const raised: PageOwner[] = []
  for await (const { lists, pages } of eraseUser(pool, 'ann')) {
    t.notOk(lists, 'no public list has changed')
    raised.push(...(pages?.keys() ?? []))
  }
  t.same(new Set(raised), new Set([`team:${teamId}`, 'user:ann']))
  const [row] = await pool.run(
    (sql) => sql<{ user_id: string; revision: number }[]>`SELECT user_id, revision FROM todos`,
  )
  t.same({ ...row }, { user_id: 'deleted', revision: 2 })
})

void t.test('whoever stops after any step leaves the rest to the next', async (t) => {
  const { pool, add, ownersOf } = await setUp(t)
  await add('ann', 3_000)
  await pool.run((sql) => sql`INSERT INTO idempotency_keys VALUES ('ann', 'key', '\\x00')`)
  let steps = 0
  for (let isOver = false; !isOver; steps++) {
    isOver = true
    let taken = 0
    for await (const _ of eraseUser(pool, 'ann')) {
      if (taken++ < steps) continue
      isOver = false
      break
    }
  }
  t.ok(steps > 2, `${steps} times`)
  t.same(await ownersOf('ann'), [{ user_id: 'deleted', count: 1_500, revision: 2 }])
  const rest = await pool.run(
    (sql) => sql`SELECT user_id FROM idempotency_keys UNION ALL SELECT user_id FROM personal_lists`,
  )
  t.equal(rest.count, 0)
})

void t.test('each by one worker at a time, and what fails is tried again', async (t) => {
  const { pool, erasures, add, counts, begin, request, waiting, done } = await setUp(t)
  await add('ann', 4)
  await request('ann')
  const claimed = await erasures.claim()
  t.equal(claimed?.userId, 'ann')
  t.equal(await erasures.claim(), undefined)
  await pool.run((sql) => sql`UPDATE erasures SET claimed_until = now()`)
  let failures = 1
  begin(() => {
    if (failures-- > 0) throw new Error('Redis is gone')
  })
  await eventually(
    () => counts.failed,
    (count) => count === 1,
  )
  await pool.run((sql) => sql`UPDATE erasures SET claimed_until = now()`)
  begin()
  await done(2)
  t.equal(await waiting(), 0)
})
