// A Postgres of a test's own with a streaming replica, migrated, and a connection to the replica.

import postgres from 'postgres'
import type { Test } from 'tap'
import { migrate } from '../lib/drivers/postgres/migrate.ts'
import { migrationsDirectory } from '../scripts/paths.ts'
import { startPostgresReplica } from '../scripts/stack/postgres-replica.ts'
import { ownPostgres, testDirectory } from './services.ts'

export const replicatedPostgres = async (t: Test) => {
  const primary = await ownPostgres(t)
  await migrate(primary.url, migrationsDirectory)
  const replica = await startPostgresReplica({ directory: await testDirectory(t), primary })
  t.teardown(() => replica.stop())
  const onReplica = postgres(replica.url, { max: 1, onnotice: () => {} })
  t.teardown(() => onReplica.end({ timeout: 1 }))
  return { primary, replica, onReplica }
}
