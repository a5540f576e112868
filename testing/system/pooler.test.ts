// A server and a worker whose DATABASE_URL is PgBouncer's, in transaction mode. All works with a direct
// URL beside it. Without one neither starts, and both name the setting.

import t from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { startPgBouncer } from '../../scripts/stack/pgbouncer.ts'
import { eventually } from '../eventually.ts'
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
  const token = signToken(testSecret, 'ann', 3_600)
  const send = async (method: 'GET' | 'POST', path: string, body?: object) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        Connection: 'close',
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    return { status: response.status, text: await response.text() }
  }
  await eventually(
    () => send('GET', '/ready'),
    ({ status }) => status === 200,
  )
  t.equal((await send('POST', '/todos', { title: 'through the pooler' })).status, 202)
  await eventually(
    () => send('GET', '/todos?limit=10'),
    ({ text }) => text.includes('through the pooler'),
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
