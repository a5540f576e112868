// The sum of all connections, what is said when Postgres allows fewer, and that it is the sum of those
// that a server and a worker open.

import t from 'tap'
import { readConfig, type Config } from '../../runtime/config/config.ts'
import { connectionsFault, connectionsNeeded, connectionsOf, forkBudget } from './budget.ts'

const configOf = (settings: Record<string, string>): Config => readConfig(settings, 'script')

const real = { HTTP_PROCESSES: '4', DB_POOL_SIZE: '20', WORKER_POOL_SIZE: '4' }
const embedded = { ...real, COMMAND_LOG: 'postgres', LIST_CACHE: 'postgres' }

t.test('every pool, LISTEN and watch connection of all processes is counted', async (t) => {
  // A fork: 5 for todos, 2 for accounts, 1 for limits, 2 that listen, 1 that watches the others. A
  // worker: 4 partitions, 1 for announcements, 1 that watches.
  t.equal(connectionsNeeded(configOf(real)), 4 * (5 + 2 + 1 + 2 + 1) + (4 + 1 + 1))
  // A fork besides: the lists (2), events (3), the publisher (2), the log's probe, a log that is not known
  // yet. A worker: the lists, events, the consumer (5), its LISTEN, the log's ends, a log not known yet.
  t.equal(connectionsNeeded(configOf(embedded)), 4 * (11 + 9) + (6 + 2 + 5 + 1 + 1 + 1))
})

t.test('with replicas, each process watches the primary on one more', async (t) => {
  const replica = { DATABASE_REPLICA_URLS: 'postgres://one/todos,postgres://other/todos' }
  t.equal(
    connectionsNeeded(configOf({ ...real, ...replica })),
    connectionsNeeded(configOf(real)) + 4,
  )
})

t.test('with several hosts, each process looks for the primary on one more', async (t) => {
  const hosts = { DATABASE_URL: 'postgres://u:p@a,b/todos' }
  t.equal(connectionsNeeded(configOf({ ...real, ...hosts })), connectionsNeeded(configOf(real)) + 5)
})

t.test('behind a pooler, only what needs a session of its own is counted', async (t) => {
  const config = configOf({ ...real, DATABASE_DIRECT_URL: 'postgres://localhost:5432/other' })
  t.equal(connectionsNeeded(config), 8)
})

t.test('a process has at least one connection for todos, and one for accounts', async (t) => {
  const config = configOf({ HTTP_PROCESSES: '8', DB_POOL_SIZE: '2' })
  t.match(forkBudget(config), { todos: 1, accounts: 1 })
  t.equal(connectionsOf(forkBudget(config), config), 6)
})

t.test(
  'what Postgres does not allow is said in one line, with the sum and the setting',
  async (t) => {
    const config = configOf(real)
    t.equal(connectionsFault(config, 50), undefined)
    const sum = (allowed: number) =>
      `the server and a worker may open 50 connections but Postgres allows ${allowed} in all: `
    const settings = (line = ''): Record<string, string> => {
      const named: Record<string, string> = {}
      for (const [, name = '', value = ''] of line.matchAll(/(\w+) \(\d+\) to (\d+) or less/g)) {
        named[name] = value
      }
      return named
    }
    for (const allowed of [49, 40, 30, 24, 20, 10, 9]) {
      const line = connectionsFault(config, allowed)
      t.match(line, sum(allowed))
      t.match(line, /, or raise max_connections$/)
      t.equal(
        connectionsFault(configOf({ ...real, ...settings(line) }), allowed),
        undefined,
        `${line}: is enough`,
      )
    }
    t.equal(
      connectionsFault(config, 49),
      `${sum(49)}set DB_POOL_SIZE (20) to 19 or less, or raise max_connections`,
    )
    t.equal(
      connectionsFault(config, 3),
      `${sum(3)}raise max_connections`,
      'no setting of ours can help',
    )
  },
)
