// npm run restore: the database as it was at a moment, in an empty directory, with all done that must be
// before a server sees it. What it says at its end is what an operator does next.

import { readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { readConfigOrExit, type Config } from '../lib/runtime/config/config.ts'
import { shardsIn } from '../lib/runtime/config/shard-urls.ts'
import { databasesOf, type Database } from './backup/databases.ts'
import { backupsIn } from './backup/places.ts'
import type { BackupRecord } from './backup/record.ts'
import { answerTo, UsageError, usageExitCode } from './command-line.ts'
import { commandLog } from './command-log.ts'
import { refusalOf } from './confirm.ts'
import type { Output } from './database-command.ts'
import { migrationsDirectory } from './paths.ts'
import { parseRequest, usage, type Request } from './restore/arguments.ts'
import { fence } from './restore/fence.ts'
import { joinRestored } from './restore/join/join.ts'
import { makeCurrent, type MadeCurrent } from './restore/make-current.ts'
import { planRestore } from './restore/plan.ts'
import { archiveHistory, assertEmpty, copyBackup, emptyAgain, recover } from './restore/recover.ts'
import { makeTemporaryDirectory } from './stack/temporary-directory.ts'

/** Returns the exit code. */
export const restore = async (
  args: readonly string[],
  readSettings: () => Config,
  { out, err }: Pick<Output, 'out' | 'err'>,
): Promise<number> => {
  let failed = 'nothing was restored'
  try {
    const answer = answerTo(args, usage)
    if (answer !== undefined) {
      out(answer)
      return 0
    }
    const request = parseRequest(args)
    const config = readSettings()
    if (request.kind === 'join') {
      failed = 'nothing has joined'
      await joinRestored(config, request, out)
      return 0
    }
    if (config.BACKUP_DIR === '') {
      throw new UsageError('BACKUP_DIR is not set: set it to where the backups are')
    }
    const [database, ...others] = await databasesOf(config, request.only)
    if (database === undefined || others.length > 0) {
      const names = shardsIn(config.DATABASE_SHARDS).map(({ name }) => name)
      throw new UsageError(`give --only DATABASE_URL, or a shard: ${names.join(', ')}`)
    }
    await restoreInto(resolve(request.into), database, request, config, { out, err })
    return 0
  } catch (error) {
    const refusal = refusalOf(error, usage)
    err(refusal ?? `${failed}: ${(error as Error).message}`)
    return refusal === undefined ? 1 : usageExitCode
  }
}

const restoreInto = async (
  into: string,
  { places, shard, url: lostUrl }: Database,
  request: Request,
  config: Config,
  output: Pick<Output, 'out' | 'err'>,
): Promise<void> => {
  const { out } = output
  await assertEmpty(into)
  const plan = await planRestore(places, await backupsIn(places), request)
  const { record } = plan.backup
  const temporary = await makeTemporaryDirectory()
  try {
    out(`from the backup ${record.name}, which ended at ${record.endedAt}`)
    await copyBackup(plan, into)
    const { service, url } = await recover(
      plan,
      request.target,
      { into, wal: places.wal, temporary },
      lostUrl,
    )
    let mustJoin = false
    try {
      const made = await makeCurrent(url, request)
      const timeline = await archiveHistory(into, places.wal)
      for (const line of describe(made, timeline)) out(line)
      await showLog(url, shard, record, config, output)
      // Last: nobody uses it from here on.
      mustJoin = await fence(url, shard, made.lastCommitAt ?? new Date(record.endedAt))
    } finally {
      await service.stop()
    }
    for (const line of nextSteps(into, request, mustJoin)) out(line)
  } catch (error) {
    await emptyAgain(into)
    throw error
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

const describe = (made: MadeCurrent, timeline: number): string[] => {
  const { lastCommitAt, lists, sessionsRevoked, tokensDeleted, newestMigration } = made
  return [
    lastCommitAt === undefined
      ? 'no commit of after the backup was replayed'
      : `the last commit that was replayed is of ${lastCommitAt.toISOString()}`,
    `it is on timeline ${timeline} now`,
    `versions of ${lists} lists were moved ahead of all that clients have seen`,
    `${sessionsRevoked} sessions were revoked, ${tokensDeleted} tokens of mails deleted`,
    ...(newestMigration === newestKnown() || newestMigration === undefined
      ? []
      : [`its tables are of ${newestMigration}: npm run migrate`]),
  ]
}

const newestKnown = (): string | undefined => readdirSync(migrationsDirectory).sort().at(-1)

/** The log that the settings name, against the restored database: how far it is ahead. */
const showLog = async (
  url: string,
  shard: string | undefined,
  record: BackupRecord,
  config: Config,
  { out, err }: Pick<Output, 'out' | 'err'>,
): Promise<void> => {
  const known = record.logs.find(({ log }) => log === config.KAFKA_TODO_TOPIC)
  const isEmbedded = known?.identity.startsWith('postgres:')
  const restored: Partial<Config> =
    shard === undefined
      ? { DATABASE_URL: url, DATABASE_DIRECT_URL: '' }
      : { DATABASE_SHARDS: shardsWith(config, shard, url) }
  const settings: Config = {
    ...config,
    ...restored,
    COMMAND_LOG: isEmbedded ? 'postgres' : config.COMMAND_LOG,
  }
  const code = await commandLog(['show'], () => settings, { out, err })
  if (code !== 0)
    out('see how far the log is ahead before you start workers: npm run command-log -- show')
}

const shardsWith = ({ DATABASE_SHARDS }: Config, shard: string, url: string): string =>
  shardsIn(DATABASE_SHARDS)
    .map((one) => `${one.name}=${one.name === shard ? url : one.url}`)
    .join()

const nextSteps = (
  into: string,
  { target, keepsSessions }: Request,
  mustJoin: boolean,
): string[] => [
  `restored into ${into}`,
  ...(target.kind === 'latest'
    ? []
    : [
        `accounts, roles, passwords and shares are as they were at ${target.text}: docs/how-to/backups.md`,
      ]),
  ...(keepsSessions ? ['sessions that were revoked since are good again'] : []),
  mustJoin
    ? 'next: start Postgres there, then npm run restore -- --join; empty Redis (FLUSHDB); then npm run backup'
    : 'next: empty Redis (FLUSHDB), start Postgres there, workers, servers; then npm run backup',
]

if (process.argv[1] === import.meta.filename) {
  process.exitCode = await restore(process.argv.slice(2), () => readConfigOrExit('script'), {
    out: console.log,
    err: console.error,
  })
}
