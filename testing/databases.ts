// The owner of connections for one part of ours in a test, which stands alone and closes what it took.

import { forkBudget, workerBudget, type Budget } from '../lib/drivers/postgres/budget.ts'
import { openDatabases, type Databases } from '../lib/drivers/postgres/databases.ts'
import { postgresUrls } from '../lib/drivers/postgres/urls.ts'
import { readConfig, type Config } from '../lib/runtime/config/config.ts'

/** With what a server process and a worker may have, together. */
export const databasesOf = (config: Config): Databases => {
  const [fork, worker] = [forkBudget(config), workerBudget(config)]
  const names = Object.keys(fork) as (keyof Budget)[]
  const both = names.map((name) => [name, Math.max(fork[name], worker[name], 1)] as const)
  return openDatabases(postgresUrls(config), Object.fromEntries(both) as Budget)
}

export const databasesAt = (url: string): Databases =>
  databasesOf(readConfig({ DATABASE_URL: url, HTTP_PROCESSES: '1', DB_POOL_SIZE: '1' }, 'script'))
