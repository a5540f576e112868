// A URL with two hosts through a failover: whoever waits for a frozen primary gets on with the promoted
// one, what is open on an old primary leaves it, and a COMMIT that waits for a standby is no success.

import t, { type Test } from 'tap'
import { eventually } from '../../../testing/eventually.ts'
import { testGate } from '../../../testing/gate.ts'
import { replicatedPostgres } from '../../../testing/replicated-postgres.ts'
import { connectPostgres } from './client.ts'
import { listen } from './listen.ts'
import { createPool, type Pool } from './pool.ts'

const timeoutMs = 1_000

const openPool = (t: Test, url: string, poolSize = 2): Pool => {
  const pool = createPool({ url, poolSize, timeoutMs })
  t.teardown(() => pool.close())
  return pool
}
const hosts = (url: string, ...ports: readonly number[]) =>
  url.replace(/127\.0\.0\.1:\d+/, ports.map((port) => `127.0.0.1:${port}`).join(','))
const portOf = async (pool: Pool): Promise<number> => {
  const [row] = await pool.run(
    (sql) => sql<{ port: number }[]>`SELECT current_setting('port')::int AS port`,
  )
  return row?.port ?? 0
}
const outcome = (work: Promise<unknown>) =>
  work.then(
    () => 'done' as const,
    (error: Error) => error.message,
  )

t.test('a failover', async (t) => {
  const { primary: old, replica: next, onReplica } = await replicatedPostgres(t)
  const directly = connectPostgres({ url: old.url, poolSize: 1 })
  t.teardown(() => directly.end({ timeout: 1 }))
  await directly`CREATE TABLE things (n int PRIMARY KEY)`
  await directly`CREATE TABLE probes (n int)`
  const add = (pool: Pool, n: number) =>
    pool.transaction((tx) => tx`INSERT INTO things VALUES (${n}) ON CONFLICT DO NOTHING`)
  const things = async (pool: Pool) => {
    const rows = await pool.run((sql) => sql<{ n: number }[]>`SELECT n FROM things ORDER BY n`)
    return rows.map(({ n }) => n)
  }

  const url = hosts(old.url, next.port, old.port) // the standby first
  const pool = openPool(t, url)
  const heard: string[] = []
  t.teardown(
    listen(url, 'news', {
      onNotify: (payload) => heard.push(payload),
      onLost: () => heard.push('lost'),
      onListening: () => heard.push('listening'),
    }),
  )
  await add(pool, 1)
  t.equal(await portOf(pool), old.port, 'the standby that is named first takes no writes')
  await eventually(
    () => heard,
    (all) => all.includes('listening'),
  )

  await t.test('what waits for a synchronous standby', async (t) => {
    const waits = () =>
      eventually(
        () => directly`SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
        (rows) => rows.count > 0,
      )
    await directly`ALTER SYSTEM SET synchronous_standby_names = '*'`
    await directly`SELECT pg_reload_conf()`
    next.kill('SIGSTOP')
    // Its processes read their settings each at a moment of its own.
    await eventually(
      () => outcome(pool.run((sql) => sql`INSERT INTO probes VALUES (1)`)),
      (how) => how !== 'done',
    )
    const waiting = outcome(add(pool, 2))
    await waits()
    t.match(await waiting, /outcome of COMMIT is not known/)
    t.same(await things(pool), [1], 'is given up and not cancelled: nobody sees it')
    next.kill('SIGCONT')
    await eventually(
      () => things(pool),
      (all) => all.length === 2,
    )
    t.equal(await outcome(add(pool, 2)), 'done', 'it is there once when it is tried again')

    next.kill('SIGSTOP')
    const cancelled = outcome(add(pool, 3))
    await waits()
    await directly`
      SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`
    t.match(await cancelled, /gave up waiting for its synchronous standby/, 'a COMMIT')
    const statement = outcome(pool.run((sql) => sql`INSERT INTO things VALUES (4)`))
    await waits()
    await directly`
      SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`
    t.match(await statement, /gave up waiting for its synchronous standby/, 'a statement')
    t.same(await things(pool), [1, 2, 3, 4], 'though this server shows it')
    next.kill('SIGCONT')
    await directly`ALTER SYSTEM RESET synchronous_standby_names`
    await directly`SELECT pg_reload_conf()`
    await add(pool, 5)
    await eventually(
      () => onReplica`SELECT FROM things`,
      (rows) => rows.count === 5,
    )
  })

  await t.test('the primary freezes and the standby is promoted', async (t) => {
    const stuck = outcome(
      pool.transaction(async (tx) => {
        await tx`SELECT 1`
        old.kill('SIGSTOP')
        await tx`INSERT INTO things VALUES (6)`
      }),
    )
    t.not(await stuck, 'done')
    await onReplica`SELECT pg_promote()`
    await eventually(
      () => outcome(add(pool, 7)),
      (how) => how === 'done',
    )
    t.equal(await portOf(pool), next.port, 'writes go there')
    t.same(await things(pool), [1, 2, 3, 4, 5, 7])
    await eventually(
      () => heard.slice(1),
      (all) => all.includes('lost') && all.at(-1) === 'listening',
    )
    await pool.run((sql) => sql.notify('news', 'promoted'))
    await eventually(
      () => heard,
      (all) => all.includes('promoted'),
    )
  })

  await t.test('the old primary is back and does not know', async (t) => {
    old.kill('SIGCONT')
    const gate = await testGate(t, next.port)
    await gate.shut()
    const cutOff = openPool(t, hosts(old.url, gate.port, old.port), 1)
    await eventually(
      () => outcome(cutOff.ping()),
      (how) => how === 'done',
    )
    t.equal(await portOf(cutOff), old.port, 'whoever reaches no other takes it for the primary')
    await gate.open()
    await eventually(
      () => portOf(cutOff).catch(() => 0),
      (port) => port === next.port,
    )
    t.pass('and leaves it by itself once the other one answers')
    await gate.shut()
    await eventually(
      () => outcome(cutOff.ping()),
      (how) => how.includes('the primary was on'),
    )
    t.equal(await portOf(pool), next.port, 'who knew better never went there')
  })
})
