// A server and a worker whose DATABASE_URL is PgBouncer's, in transaction mode. All works with a direct
// URL beside it. Without one neither starts, and both name the setting.

import t from 'tap'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { startPgBouncer } from '../../scripts/stack/pgbouncer.ts'
import { eventually } from '../eventually.ts'
import { clientOf, type Json } from '../json-client.ts'
import { orSkip, testDatabase, testDirectory } from '../services.ts'
import { testSecret } from '../settings.ts'

t.test('behind PgBouncer in transaction mode', async (t) => {
  const directUrl = await testDatabase(t)
  const pgBouncer = await orSkip(t, async () =>
    startPgBouncer({
      directory: await testDirectory(t),
      postgresUrl: directUrl,
      poolMode: 'transaction',
      poolSize: 8,
    }),
  )
  if (!pgBouncer) return
  t.teardown(() => pgBouncer.stop())
  const environment = {
    DATABASE_URL: pgBouncer.url,
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    HTTP_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    HTTP_PROCESSES: '2',
    JWT_SECRET: testSecret,
    LOG_LEVEL: 'error',
    AUTH_BCRYPT_COST: '4',
  }
  for (const start of [startServer, startWorker]) {
    await t.rejects(start(environment), /set DATABASE_DIRECT_URL to Postgres itself/)
  }

  const complete = { ...environment, DATABASE_DIRECT_URL: directUrl }
  const server = await startServer(complete)
  t.teardown(() => server.stop())
  const worker = await startWorker(complete)
  t.teardown(() => worker.stop())
  const ask = clientOf(server.port, 'ann')
  // Each on a connection of its own, so that each process is asked.
  const send = (method: 'GET' | 'POST', path: string, body?: Json) =>
    ask(method, path, body, { connection: 'close' })
  await eventually(
    () => send('GET', '/ready'),
    ({ status }) => status === 200,
  )
  t.equal((await send('POST', '/todos', { title: 'through the pooler' })).status, 202)
  await eventually(
    () => send('GET', '/todos?limit=10'),
    ({ body }) => JSON.stringify(body).includes('through the pooler'),
  )
  await eventually(
    () => send('POST', '/api/todos', { title: 'mine' }),
    ({ status }) => status === 201,
  )
  const account = { email: 'ann@example.com', password: 'correct horse battery' }
  t.equal((await send('POST', '/auth/register', account)).status, 201)
  t.equal((await send('POST', '/auth/login', account)).status, 200)
  t.equal(server.output(), '')
  t.equal(worker.output(), '')
})
