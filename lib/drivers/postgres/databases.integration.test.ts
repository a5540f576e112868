// The owner of connections: what it opens is in its budget, and closed with it.

import postgres from 'postgres'
import t from 'tap'
import { eventually } from '../../../testing/eventually.ts'
import { databasesAt } from '../../../testing/databases.ts'
import { testDatabase } from '../../../testing/services.ts'
import { scriptBudget } from './budget.ts'
import { openDatabases } from './databases.ts'

t.test('what is not in the budget is not opened', async (t) => {
  const databases = openDatabases({ url: await testDatabase(t) }, { ...scriptBudget, todos: 0 })
  t.teardown(databases.close)
  t.throws(() => databases.pool('todos', { timeoutMs: 1_000 }), /no connections for todos/)
  t.throws(
    () =>
      databases.listen('commands', 'commands', {
        onNotify() {},
        onLost() {},
        onListening() {},
      }),
    /no connections for commands/,
  )
})

t.test('all that is open is closed at once, with work in flight', async (t) => {
  const url = await testDatabase(t)
  const databases = databasesAt(url)
  const sql = postgres(url, { max: 1 })
  t.teardown(() => sql.end())
  const sessions = async () => {
    const [row] = await sql<{ count: number }[]>`
      SELECT count(*)::int FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`
    return row?.count
  }
  const heard = new Promise<void>((onListening) => {
    databases.listen('commands', 'commands', { onNotify() {}, onLost() {}, onListening })
  })
  const [todos, limits] = [
    databases.pool('todos', { timeoutMs: 5_000 }),
    databases.pool('limits', { timeoutMs: 5_000 }),
  ]
  await Promise.all([todos.ping(), limits.ping(), heard])
  const inFlight = todos.run((sql) => sql`SELECT pg_sleep(0.2)`)
  t.equal(await databases.once(5_000, (pool) => pool.run(sessions)), 4, 'and one that came once')
  await Promise.all([databases.close(), t.resolves(inFlight, 'what was in flight is answered')])
  await eventually(sessions, (count) => count === 0)
  await t.rejects(limits.ping(), 'closed')
  await t.resolves(todos.close(), 'and may be closed again')
})
