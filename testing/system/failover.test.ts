// Postgres fails over behind an address whose connections stay open: the old server refuses writes, and
// new connections reach another. All that needs Postgres works again, without a restart of ours.

import { execFile } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import postgres from 'postgres'
import t from 'tap'
import { databasesOf } from '../databases.ts'
import { createPool } from '../../lib/drivers/postgres/pool.ts'
import { settleLog } from '../../lib/command-log/settle.ts'
import { readConfig } from '../../lib/runtime/config/config.ts'
import { migrate } from '../../lib/drivers/postgres/migrate.ts'
import { createPostgresStore } from '../../lib/todo-store/postgres.ts'
import { migrationsDirectory } from '../../scripts/paths.ts'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { startPostgres } from '../../scripts/stack/postgres.ts'
import { testGate } from '../gate.ts'
import { eventually, startTimeoutMs } from '../eventually.ts'
import { clientOf, type Answer, type Json } from '../json-client.ts'
import { silentLog, testSecret } from '../settings.ts'
import { testDirectory } from '../services.ts'

t.test('everything follows Postgres to the server that takes writes', async (t) => {
  const [directory, copy] = [await testDirectory(t), await testDirectory(t)]
  const first = await startPostgres({ directory, durable: false })
  await migrate(first.url, migrationsDirectory)
  await registerLog(first.url)
  await first.stop()
  await cp(join(directory, 'data'), join(copy, 'data'), { recursive: true })
  if (process.getuid?.() === 0)
    await promisify(execFile)('chown', ['-R', '--reference', join(directory, 'data'), copy])
  const [old, next] = [
    await startPostgres({ directory, durable: false }),
    await startPostgres({ directory: copy, durable: false }),
  ]
  t.teardown(() => Promise.all([old.stop(), next.stop()]))
  const gate = await testGate(t, old.port)
  const environment = {
    DATABASE_URL: gate.urlOf(old.url),
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    HTTP_PROCESSES: '2',
    JWT_SECRET: testSecret,
    LOG_LEVEL: 'error',
    AUTH_BCRYPT_COST: '4',
  }
  const server = await startServer(environment)
  t.teardown(() => server.stop())
  const worker = await startWorker(environment)
  t.teardown(() => worker.stop())
  let made = 0
  const ask = clientOf(server.port, 'ann')
  // Each on a connection of its own, so that each process is asked.
  const send = (method: 'GET' | 'POST', path: string, body?: Json) =>
    ask(method, path, body, { connection: 'close' })
  const ways = {
    'a todo': () => send('POST', '/todos', { title: `todo ${++made}` }),
    'a personal todo': () => send('POST', '/api/todos', { title: `mine ${++made}` }),
    'an account': () =>
      send('POST', '/auth/register', {
        email: `ann${++made}@example.com`,
        password: 'correct horse battery',
      }),
    readiness: () => send('GET', '/ready'),
  }
  /** In a row, so that each process has answered. */
  const succeeds = (send: () => Promise<Answer>) => {
    let inARow = 0
    return eventually(
      async () => {
        const answer = await send()
        inARow = answer.status < 300 ? inARow + 1 : 0
        return { ...answer, inARow }
      },
      (answer) => answer.inARow >= 6,
      startTimeoutMs,
    )
  }
  for (const way of Object.values(ways)) await succeeds(way)

  const sql = postgres(old.url, { max: 1, onnotice: () => {} })
  t.teardown(() => sql.end({ timeout: 1 }))
  await sql`ALTER SYSTEM SET default_transaction_read_only = on`
  await sql`SELECT pg_reload_conf()`
  const unready = await eventually(ways.readiness, ({ status }) => status === 503)
  t.match(JSON.stringify(unready.body), /takes no writes/)
  const refused = await eventually(ways['an account'], ({ status }) => status === 503)
  t.match(refused.status, 503)

  gate.leadTo(next.port)
  const changedMs = performance.now()
  for (const [what, way] of Object.entries(ways)) {
    await succeeds(way)
    t.pass(`${what}, ${Math.round(performance.now() - changedMs)} ms later`)
  }
  await eventually(
    () => sql`SELECT FROM pg_stat_activity WHERE application_name LIKE 'todos%'`,
    (rows) => rows.count === 0,
  )
  t.equal(server.output(), '', 'no process died')
  t.equal(worker.output(), '')
})

/** As the first start does: a standby has it too, and a worker would not take another log for its own. */
const registerLog = async (url: string) => {
  const store = createPostgresStore(createPool({ url, poolSize: 1, timeoutMs: startTimeoutMs }))
  const config = readConfig({ DATABASE_URL: url, COMMAND_LOG: 'postgres' }, 'worker')
  await settleLog(config, databasesOf(config), store, silentLog)
  await store.close()
}
