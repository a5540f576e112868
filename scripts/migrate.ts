// npm run migrate: brings the database of DATABASE_URL up to date, and all shards.

import { readConfigOrExit } from '../lib/runtime/config/config.ts'
import { shardsIn } from '../lib/runtime/config/shard-urls.ts'
import { databaseTarget, shardTargets } from '../lib/runtime/config/targets.ts'
import { migrate } from '../lib/drivers/postgres/migrate.ts'
import { postgresUrls, sessionUrl } from '../lib/drivers/postgres/urls.ts'
import { parseOptions, readArgumentsOrExit, usageExitCode } from './command-line.ts'
import { confirmTargets, refusalOf, yesOption } from './confirm.ts'
import { migrationsDirectory } from './paths.ts'

const usage = `usage: npm run migrate [-- --yes]
Brings the tables of DATABASE_URL up to date, and those of all DATABASE_SHARDS; DATABASE_DIRECT_URL, where
that is set. Safe to repeat.
  -y, --yes   write to the default database, where DATABASE_URL is not set
Exit codes: 0 done, 1 failed, 2 wrong usage, or not told where to write.`

const { yes = false } = readArgumentsOrExit(usage, (args) => parseOptions(args, yesOption).values)
const config = readConfigOrExit('script')
const shards = shardsIn(config.DATABASE_SHARDS)

/** All are tried. Returns whether it was done. */
const bringUpToDate = async (of: string, url: string, setting: string): Promise<boolean> => {
  try {
    const applied = await migrate(url, migrationsDirectory)
    console.log(
      applied.length === 0
        ? `the ${of} is up to date`
        : `${prefixOf(of)}applied ${applied.join(', ')}`,
    )
    return true
  } catch (error) {
    const { message } = error as Error
    console.error(`the ${of} can't be migrated (${message}): check ${setting}`)
    return false
  }
}
const prefixOf = (of: string) => (shards.length === 0 ? '' : `the ${of}: `)

try {
  const targets = [databaseTarget(config, process.env, { isDirect: true })]
  await confirmTargets([...targets, ...shardTargets(config, process.env)], yes)
} catch (error) {
  const { message } = error as Error
  const refusal = refusalOf(error, usage)
  console.error(refusal ?? message)
  process.exit(refusal === undefined ? 1 : usageExitCode)
}
let isDone = await bringUpToDate('database', sessionUrl(postgresUrls(config)), 'DATABASE_URL')
for (const { name, url } of shards) {
  isDone = (await bringUpToDate(`shard ${name}`, url, 'DATABASE_SHARDS')) && isDone
}
if (!isDone) process.exit(1)
