// A DATABASE_URL that is PgBouncer's, in each of its modes: it works, or is refused with what to set, and
// nobody ever gets the answer to the statement of another.

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startPgBouncer, type PoolMode } from '../../../scripts/stack/pgbouncer.ts'
import { testGate } from '../../../testing/gate.ts'
import { ownPostgres, orSkip, testDatabase, testDirectory } from '../../../testing/services.ts'
import { seeded } from '../../../testing/seeded.ts'
import { listen } from './listen.ts'
import { createPool } from './pool.ts'
import { urlFault } from './urls.ts'

const startBoth = async (t: Test, poolMode: PoolMode, poolSize?: number) => {
  const directUrl = await testDatabase(t)
  const directory = await testDirectory(t)
  const pgBouncer = await orSkip(t, () =>
    startPgBouncer({
      directory,
      postgresUrl: directUrl,
      poolMode,
      ...(poolSize && { poolSize }),
    }),
  )
  if (!pgBouncer) return undefined
  t.teardown(() => pgBouncer.stop())
  const { mode } = await stat(join(directory, 'users.txt'))
  t.equal(mode & 0o777, 0o600, 'its file of passwords is for nobody else')
  return { directUrl, url: pgBouncer.url }
}

// They wait most of the time, for time-outs and for what is slow.
t.jobs = 2

t.test('Postgres itself needs nothing else', async (t) => {
  const url = await testDatabase(t)
  t.equal(await urlFault({ url }), undefined)
  t.equal(await urlFault({ url, directUrl: url }), undefined)
})

t.test('a connection that falls silent behind its opening ends the question in time', async (t) => {
  const url = await testDatabase(t)
  const silentBehind = async (statement: string, directUrl?: string) => {
    const gate = await testGate(t, Number(new URL(url).port))
    gate.inspect('to-service', (chunk) => {
      if (chunk.includes(statement)) gate.silence()
      return 'pass'
    })
    await t.rejects(
      urlFault({ url: gate.urlOf(url), directUrl }),
      { code: 'NO_ANSWER' },
      `silent behind ${statement}`,
    )
  }
  await Promise.all([
    silentBehind('BEGIN'),
    silentBehind('pg_backend_pid'),
    silentBehind('pg_control_system', url),
  ])
})

t.test('session mode works as Postgres itself', async (t) => {
  const both = await startBoth(t, 'session')
  if (!both) return
  t.equal(await urlFault({ url: both.url }), undefined)
  const pool = createPool({ url: both.url, poolSize: 2, timeoutMs: 10_000 })
  t.teardown(() => pool.close())
  await pool.ping()
  await pool.transaction((tx) => tx`SELECT 1`)
})

t.test('in session mode a long statement is not taken for a silent connection', async (t) => {
  const both = await startBoth(t, 'session', 12)
  if (!both) return
  const pool = createPool({ url: both.url, poolSize: 6, timeoutMs: 20_000 })
  t.teardown(() => pool.close())
  // The numbers that PgBouncer gives its clients are random: some are no process's, some could be.
  const statements = Array.from({ length: 6 }, () => pool.run((sql) => sql`SELECT pg_sleep(6)`))
  await Promise.all(statements)
})

for (const poolSize of [1, 2, 4]) {
  t.test(`transaction mode with ${poolSize} sessions needs a direct URL`, async (t) => {
    const both = await startBoth(t, 'transaction', poolSize)
    if (!both) return
    const { url, directUrl } = both
    // Beside others that use it: the sessions are handed around.
    const others = createPool({ url, directUrl, poolSize: 4, timeoutMs: 10_000 })
    t.teardown(() => others.close())
    let isBusy = true
    const busy = Promise.all(
      [1, 2, 3].map(async () => {
        while (isBusy) await others.run((sql) => sql`SELECT 1`)
      }),
    )
    t.match(await urlFault({ url }), /^DATABASE_URL .* set DATABASE_DIRECT_URL to Postgres itself/)
    t.match(
      await urlFault({ url, directUrl: url.replace('?', '') + '?application_name=x' }),
      /^DATABASE_DIRECT_URL leads to a pooler/,
    )
    t.equal(await urlFault({ url, directUrl }), undefined)
    isBusy = false
    await busy
  })
}

t.test('statement mode is refused', async (t) => {
  const both = await startBoth(t, 'statement')
  if (!both) return
  t.match(await urlFault({ url: both.url }), /pool_mode = statement/)
  t.match(await urlFault(both), /pool_mode = statement/)
})

t.test('two URLs of two databases are refused', async (t) => {
  const [one, other] = [await testDatabase(t), await testDatabase(t)]
  t.match(await urlFault({ url: one, directUrl: other }), /another database/)
  const elsewhere = new URL((await ownPostgres(t)).url)
  elsewhere.pathname = new URL(one).pathname
  await t.rejects(urlFault({ url: one, directUrl: elsewhere.href }))
})

t.test('in transaction mode each gets its own answers, also after time-outs', async (t) => {
  const { below } = seeded(t)
  const both = await startBoth(t, 'transaction', 2)
  if (!both) return
  const timeoutMs = 1_000
  const pool = createPool({ ...both, poolSize: 6, timeoutMs })
  t.teardown(() => pool.close())
  let timeouts = 0
  const client = async (id: number) => {
    for (let i = 0; i < 60; i++) {
      const asked = `${id} ${i}`
      const isLate = below(40) === 0
      try {
        const rows = await (below(2) === 0
          ? pool.run(
              (sql) => sql<{ text: string }[]>`
                SELECT ${asked} AS text, pg_sleep(${isLate ? 5 : 0})`,
            )
          : pool.transaction(async (tx) => {
              await tx`SELECT set_config('todos.asked', ${asked}, true)`
              return tx<{ text: string }[]>`SELECT current_setting('todos.asked') AS text`
            }))
        if (rows[0]?.text !== asked) throw new Error(`${asked} was answered ${rows[0]?.text}`)
      } catch (error) {
        if ((error as Error).message.includes('was answered')) throw error
        timeouts++
      }
    }
  }
  await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(client))
  t.comment(`${timeouts} timed out`)
  await pool.ping()
})

t.test('in transaction mode notifications come by the direct URL', async (t) => {
  const both = await startBoth(t, 'transaction')
  if (!both) return
  const pool = createPool({ ...both, poolSize: 2, timeoutMs: 10_000 })
  const notified = new Promise<string>((resolve) => {
    const stop = listen(both.directUrl, 'news', {
      onNotify: resolve,
      onLost: () => {},
      onListening: () => void pool.run((sql) => sql.notify('news', 'here')),
    })
    t.teardown(async () => {
      await stop()
      await pool.close()
    })
  })
  t.equal(await notified, 'here')
})
