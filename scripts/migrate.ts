// npm run migrate: brings the database of DATABASE_URL up to date.

import { readConfigOrExit } from '../lib/runtime/config/config.ts'
import { migrate } from '../lib/drivers/postgres/migrate.ts'
import { postgresUrls, sessionUrl } from '../lib/drivers/postgres/urls.ts'
import { migrationsDirectory } from './paths.ts'

const url = sessionUrl(postgresUrls(readConfigOrExit('script')))
try {
  const applied = await migrate(url, migrationsDirectory)
  console.log(applied.length === 0 ? 'the database is up to date' : `applied ${applied.join(', ')}`)
} catch (error) {
  console.error(`the database can't be migrated (${(error as Error).message}): check DATABASE_URL`)
  process.exit(1)
}
