// npm run migrate: brings the database of DATABASE_URL up to date.

import { readConfigOrExit } from '../lib/config.ts'
import { migrate } from '../lib/migrate.ts'
import { migrationsDirectory } from './paths.ts'

const { DATABASE_URL } = readConfigOrExit('script')
try {
  const applied = await migrate(DATABASE_URL, migrationsDirectory)
  console.log(applied.length === 0 ? 'the database is up to date' : `applied ${applied.join(', ')}`)
} catch (error) {
  console.error(`the database can't be migrated (${(error as Error).message}): check DATABASE_URL`)
  process.exit(1)
}
