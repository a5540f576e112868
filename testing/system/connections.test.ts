// As many connections to Postgres as the sum says, and no more; and what a start says when Postgres
// allows fewer.

import postgres from 'postgres'
import t from 'tap'
import { connectionsNeeded } from '../../lib/drivers/postgres/budget.ts'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { loopback } from '../../scripts/stack/ports.ts'
import { clientOf } from '../json-client.ts'
import { testDatabase, testStacks, testTopic } from '../services.ts'
import { testConfig, testSecret } from '../settings.ts'

for (const [name, stack] of Object.entries(testStacks)) {
  void t.test(`${name} stack: under load there are no more than were counted`, async (t) => {
    const services = await stack(t)
    if (!services) return
    const environment = {
      ...services,
      DATABASE_URL: await testDatabase(t),
      HTTP_HOST: loopback,
      HTTP_PORT: '0',
      METRICS_PORT: 'off',
      WORKER_METRICS_PORT: 'off',
      HTTP_PROCESSES: '2',
      DB_POOL_SIZE: '6',
      WORKER_POOL_SIZE: '3',
      AUTH_BCRYPT_COST: '4',
      KAFKA_TODO_TOPIC: testTopic(),
      JWT_SECRET: testSecret,
    }
    const worker = await startWorker(environment)
    t.teardown(() => worker.stop())
    const server = await startServer(environment)
    t.teardown(() => server.stop())
    const sql = postgres(environment.DATABASE_URL, { max: 1 })
    t.teardown(() => sql.end())
    const needed = connectionsNeeded(testConfig(environment))
    let most = 0
    let isDone = false
    const watch = (async () => {
      while (!isDone) {
        const [row] = await sql<{ count: number }[]>`
          SELECT count(*)::int FROM pg_stat_activity
          WHERE datname = current_database() AND backend_type = 'client backend'
            AND pid <> pg_backend_pid()`
        most = Math.max(most, row?.count ?? 0)
      }
    })()
    const ask = clientOf(server.port, 'ann')
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        Array.from({ length: 20 }, (_, i) => [
          ask('GET', `/todos/${'x'.repeat(20)}${i}`),
          ask('POST', '/auth/login', { email: `a${i}@example.com`, password: 'not one of ours' }),
          ask('POST', '/todos', { title: `todo ${i}` }),
        ]).flat(),
      )
    }
    isDone = true
    await watch
    t.ok(most <= needed, `${most} connections, ${needed} counted`)
    t.ok(most > needed / 3, `${most} connections: the sum of ${needed} is of this world`)
  })
}

void t.test('a start says which setting to change when Postgres allows fewer', async (t) => {
  const server = await startServer({
    DATABASE_URL: await testDatabase(t),
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    HTTP_HOST: loopback,
    HTTP_PORT: '0',
    METRICS_PORT: 'off',
    HTTP_PROCESSES: '1',
    DB_POOL_SIZE: '1000',
    KAFKA_TODO_TOPIC: testTopic(),
    JWT_SECRET: testSecret,
  })
  t.teardown(() => server.stop())
  t.match(
    server.output(),
    /the server and a worker may open \d+ connections but Postgres allows \d+ in all: set DB_POOL_SIZE \(1000\) to \d+ or less, or raise max_connections/,
  )
})
