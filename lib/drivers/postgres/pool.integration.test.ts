// What a pool promises, on a real Postgres: sessions that are no good are replaced, a server that takes
// no writes is left, silence is noticed, and what waits is bounded, in number and in time.

import { randomBytes } from 'node:crypto'
import { setImmediate as immediate, setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { testGate } from '../../../testing/gate.ts'
import { eventually } from '../../../testing/eventually.ts'
import { ownPostgres, testDatabase } from '../../../testing/services.ts'
import { sessionInSql } from './connection.ts'
import { findSilent } from './silence.ts'
import { createPool, waitingPerUseMax, type Pool, type PoolSettings } from './pool.ts'

const timeoutMs = 20_000

const openPool = (t: Test, settings: Partial<PoolSettings> & { url: string }): Pool => {
  const pool = createPool({ poolSize: 2, timeoutMs, ...settings })
  t.teardown(() => pool.close())
  return pool
}
const connectDirectly = (t: Test, url: string) => {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  t.teardown(() => sql.end({ timeout: 1 }))
  return sql
}
const pidOf = (pool: Pool): Promise<number> =>
  pool.run(async (sql) => {
    const [row] = await sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`
    return row?.pid ?? 0
  })
const write = (pool: Pool) => pool.run((sql) => sql`UPDATE things SET n = n + 1 RETURNING n`)
const makeThings = (pool: Pool) =>
  pool.run(async (sql) => {
    await sql`CREATE TABLE things (n int)`
    await sql`INSERT INTO things VALUES (0)`
  })
const succeeds = (work: () => Promise<unknown>) =>
  eventually(
    () =>
      work().then(
        () => 'yes',
        (error: Error) => error.message,
      ),
    (answer) => answer === 'yes',
  )

// They wait most of the time, for time-outs and for what is slow.
t.jobs = 2
/** Holds up this whole process. */
const alone = { buffered: false }

t.test('what a process holds that is gone amid a transaction is free in seconds', async (t) => {
  const url = await testDatabase(t)
  const gate = await testGate(t, Number(new URL(url).port))
  const gone = openPool(t, { url: gate.urlOf(url) })
  await makeThings(gone)
  const [limits] = await gone.run(
    (sql) => sql<{ statement: string; idle: string }[]>`
      SELECT current_setting('statement_timeout') AS statement,
        current_setting('idle_in_transaction_session_timeout') AS idle`,
  )
  t.same(limits, { statement: '20s', idle: '8s' })

  // It has the lock when this is resolved, and Postgres hears nothing of it any more.
  await new Promise<void>((resolve) => {
    const held = gone.transaction(async (tx) => {
      await tx`UPDATE things SET n = n + 1`
      gate.silence()
      resolve()
      await tx`UPDATE things SET n = n + 1`
    })
    held.catch(() => {}) // it finds its connection silent
  })
  const other = openPool(t, { url })
  t.match(await write(other), [{ n: 1 }], 'what it had not committed is undone')
})

const spoilers: Record<string, (pool: Pool) => Promise<unknown>> = {
  'was ended by an operator': (pool) =>
    pool.run((sql) => sql`SELECT pg_terminate_backend(pg_backend_pid())`),
  'was made read-only': (pool) => pool.run((sql) => sql`SET default_transaction_read_only = on`),
  'lost its prepared statements': (pool) => pool.run((sql) => sql`DEALLOCATE ALL`.simple()),
  'has a plan that no longer fits': (pool) =>
    pool.run((sql) => sql`ALTER TABLE things ALTER COLUMN n TYPE bigint`),
  'was left in a failed transaction': async (pool) => {
    await pool.run((sql) => sql`BEGIN`.simple())
    await pool.run((sql) => sql`SELECT 1 / 0`)
  },
}
for (const [what, spoil] of Object.entries(spoilers)) {
  t.test(`a session that ${what} is replaced`, async (t) => {
    const pool = openPool(t, { url: await testDatabase(t), poolSize: 1 })
    await makeThings(pool)
    await write(pool)
    await spoil(pool).catch(() => {})
    await succeeds(() => write(pool))
    await succeeds(() => pool.transaction((tx) => tx`UPDATE things SET n = n + 1 RETURNING n`))
    await pool.ping()
  })
}

t.test(
  'a transaction in which a statement failed unseen is not reported as committed',
  async (t) => {
    const pool = openPool(t, { url: await testDatabase(t) })
    const swallowing = pool.transaction(async (tx) => {
      await tx`SELECT 1 / 0`.catch(() => {})
    })
    await t.rejects(swallowing, /COMMIT of a failed transaction/)
  },
)

t.test('a server that takes no writes any more, its connections open', async (t) => {
  const [before, after] = [await ownPostgres(t), await ownPostgres(t)]
  const gate = await testGate(t, before.port)
  const url = gate.urlOf(before.url)
  const [used, idle] = [openPool(t, { url }), openPool(t, { url })]
  for (const server of [before, after]) {
    await connectDirectly(t, server.url)`CREATE TABLE things AS SELECT 0 AS n`
  }
  // As a standby has it: each Postgres of a test has a random password of its own.
  const { username, password } = new URL(before.url)
  await connectDirectly(t, after.url).unsafe(`ALTER ROLE ${username} PASSWORD '${password}'`)
  const old = connectDirectly(t, before.url)
  await Promise.all([write(used), write(idle)])

  await old`ALTER SYSTEM SET default_transaction_read_only = on`
  await old`SELECT pg_reload_conf()`
  await t.test('is reported by ping, while reads go on', async (t) => {
    await eventually(
      () => used.ping().then(String, (error: Error) => error.message),
      (answer) => answer.includes('takes no writes'),
    )
    t.match(await used.run((sql) => sql`SELECT n FROM things`), [{ n: 2 }])
    await t.rejects(write(used), { code: '25006' })
  })

  gate.leadTo(after.port)
  await t.test('is left for one that does, by writes', async () => {
    await succeeds(() => write(used))
  })
  await t.test('and by a pool that nobody uses', async () => {
    await eventually(
      () => old`SELECT FROM pg_stat_activity WHERE application_name = 'todos'`,
      (rows) => rows.count === 0,
    )
    await write(idle)
  })
})

t.test('connections that fall silent are replaced, used or not', async (t) => {
  const server = await ownPostgres(t)
  const gate = await testGate(t, server.port)
  const pool = openPool(t, { url: gate.urlOf(server.url), timeoutMs: 2_000 })
  const pids = await Promise.all([pidOf(pool), pidOf(pool)])
  gate.silence()
  const sql = connectDirectly(t, server.url)
  // Nobody asks it for anything: it finds out itself, and ends them.
  await eventually(
    () => gate.silenced(),
    (open) => open === 0,
  )
  t.notOk(pids.includes(await pidOf(pool)))
  await sql`SELECT 1`
})

t.test('a connection that falls silent under a long statement is not waited for', async (t) => {
  const server = await ownPostgres(t)
  const gate = await testGate(t, server.port)
  const pool = openPool(t, { url: gate.urlOf(server.url), poolSize: 1, timeoutMs: 60_000 })
  await makeThings(pool)
  const cut = pool.transaction(async (tx) => {
    await tx`UPDATE things SET n = 100`
    gate.silence()
    await tx`SELECT 1`
  })
  // Not by its own time-out, which would say NO_ANSWER.
  await t.rejects(cut, { code: 'CONNECTION_LOST' })
  // Its lock is gone with its session.
  t.match(await write(pool), [{ n: 1 }])
})

t.test('a long statement is not taken for a silent connection', async (t) => {
  const pool = openPool(t, { url: await testDatabase(t), poolSize: 1 })
  await pool.run((sql) => sql`SELECT pg_sleep(6)`)
  await pool.transaction((tx) => tx`SELECT pg_sleep(6)`)
})

t.test('a process that was held up does not take its connections for silent', alone, async (t) => {
  const pool = openPool(t, { url: await testDatabase(t), poolSize: 1 })
  await pool.transaction(async (tx) => {
    const asked = tx`SELECT pg_sleep(1.6)`.execute()
    await delay(1_300)
    await immediate() // after which timers come first, and what has arrived is read later
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_500)
    await asked
    await delay(500) // idle in its transaction, when it is asked what it does
    await tx`SELECT 1`
  })
})

t.test('only the very session of a silent connection is ended', async (t) => {
  const url = await testDatabase(t)
  const sql = connectDirectly(t, url)
  const [mine] = await sql<{ pid: number; session: string }[]>`
    SELECT pid, ${sql.unsafe(sessionInSql)} AS session
    FROM pg_stat_activity WHERE pid = pg_backend_pid()`
  await delay(1_500) // idle for long enough
  const suspect = (session: string | undefined) => ({
    received: () => 0,
    serverSession: () => session,
  })
  // As after a failover, where another's session has the same number.
  const gone = suspect(`${mine?.pid} 1.5`)
  t.same(await findSilent(url, [gone]), [gone])
  const pidNow = () =>
    sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`.then(
      ([row]) => row?.pid,
      () => mine?.pid,
    )
  t.equal(await pidNow(), mine?.pid)
  await delay(1_500)
  const silent = suspect(mine?.session)
  t.same(await findSilent(url, [silent]), [silent])
  await eventually(pidNow, (pid) => pid !== mine?.pid)
})

t.test('a connection more than the server allows costs none of those that work', async (t) => {
  const url = new URL(await testDatabase(t))
  const admin = connectDirectly(t, url.href)
  const name = `few_${randomBytes(6).toString('hex')}`
  await admin.unsafe(`CREATE ROLE ${name} LOGIN PASSWORD 'few' CONNECTION LIMIT 1`)
  Object.assign(url, { username: name, password: 'few' })
  const pool = openPool(t, { url: url.href })
  t.teardown(async () => {
    await pool.close()
    await admin.unsafe(`DROP ROLE ${name}`)
  })
  const pid = await pidOf(pool)
  const held = pool.run((sql) => sql`SELECT pg_sleep(0.5)`)
  await t.rejects(pidOf(pool), /too many connections/)
  await held
  t.equal(await pidOf(pool), pid)
})

t.test('a connection that takes longer to open than a use may is waited for', async (t) => {
  const url = await testDatabase(t)
  const gate = await testGate(t, Number(new URL(url).port))
  gate.delayBy(500) // there are several answers to wait for, and one for a statement
  const pool = openPool(t, { url: gate.urlOf(url), poolSize: 1, timeoutMs: 1_200 })
  await t.rejects(pidOf(pool), { code: 'NO_ANSWER' })
  await succeeds(() => delay(2_500).then(() => pidOf(pool)))
})

t.test('more than may wait are refused at once, and time out together', async (t) => {
  const pool = openPool(t, { url: await testDatabase(t), poolSize: 1 })
  const held = pool.run((sql) => sql`SELECT pg_sleep(1)`)
  const waiting = Array.from({ length: waitingPerUseMax }, () => pidOf(pool))
  await t.rejects(pidOf(pool), { code: 'POOL_FULL' })
  await held
  t.equal(new Set(await Promise.all(waiting)).size, 1)
  await pidOf(pool)
})

t.test('what timed out is gone from the queue and from the server', async (t) => {
  const url = await testDatabase(t)
  const sql = connectDirectly(t, url)
  await sql`CREATE TABLE things AS SELECT 0 AS n`
  const pool = openPool(t, { url, poolSize: 1, timeoutMs: 500 })
  await write(pool)
  const lock = await sql.reserve()
  await lock`BEGIN`.simple()
  await lock`LOCK TABLE things`
  const late = [write(pool), write(pool), pool.transaction((tx) => tx`UPDATE things SET n = 100`)]
  const outcomes = await Promise.allSettled(late)
  t.same(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  )
  await eventually(
    async () => {
      // In a transaction it is looked at once, and what was seen then is shown again.
      await lock`SELECT pg_stat_clear_snapshot()`
      return lock`
        SELECT FROM pg_stat_activity WHERE application_name = 'todos' AND query LIKE 'UPDATE things%'
          AND state = 'active' AND datname = current_database()`
    },
    (rows) => rows.count === 0,
  )
  await lock`COMMIT`.simple()
  lock.release()
  t.match(await sql`SELECT n FROM things`, [{ n: 1 }])
})
