// npm run migrate: brings the database of DATABASE_URL up to date.

import { readConfigOrExit } from '../lib/runtime/config/config.ts'
import { databaseTarget } from '../lib/runtime/config/targets.ts'
import { migrate } from '../lib/drivers/postgres/migrate.ts'
import { postgresUrls, sessionUrl } from '../lib/drivers/postgres/urls.ts'
import { parseOptions, readArgumentsOrExit, usageExitCode } from './command-line.ts'
import { confirmTargets, refusalOf, yesOption } from './confirm.ts'
import { migrationsDirectory } from './paths.ts'

const usage = `usage: npm run migrate [-- --yes]
Brings the tables of DATABASE_URL up to date; DATABASE_DIRECT_URL, where that is set. Safe to repeat.
  -y, --yes   write to the default database, where DATABASE_URL is not set
Exit codes: 0 done, 1 failed, 2 wrong usage, or not told where to write.`

const { yes = false } = readArgumentsOrExit(usage, (args) => parseOptions(args, yesOption).values)
const config = readConfigOrExit('script')
try {
  await confirmTargets([databaseTarget(config, process.env, { isDirect: true })], yes)
  const applied = await migrate(sessionUrl(postgresUrls(config)), migrationsDirectory)
  console.log(applied.length === 0 ? 'the database is up to date' : `applied ${applied.join(', ')}`)
} catch (error) {
  const { message } = error as Error
  const refusal = refusalOf(error, usage)
  console.error(refusal ?? `the database can't be migrated (${message}): check DATABASE_URL`)
  process.exit(refusal === undefined ? 1 : usageExitCode)
}
