// npm run restore: the database as it was at a moment, in an empty directory, with all done that must be
// before a server sees it. What it says at its end is what an operator does next.

import { readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { readConfigOrExit, type Config } from '../lib/runtime/config/config.ts'
import { backupsIn, placesIn } from './backup/places.ts'
import type { BackupRecord } from './backup/record.ts'
import { answerTo, UsageError, usageExitCode } from './command-line.ts'
import { commandLog } from './command-log.ts'
import { refusalOf } from './confirm.ts'
import type { Output } from './database-command.ts'
import { migrationsDirectory } from './paths.ts'
import { parseRequest, usage, type Request } from './restore/arguments.ts'
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
  try {
    const answer = answerTo(args, usage)
    if (answer !== undefined) {
      out(answer)
      return 0
    }
    const request = parseRequest(args)
    const config = readSettings()
    if (config.BACKUP_DIR === '') {
      throw new UsageError('BACKUP_DIR is not set: set it to where the backups are')
    }
    await restoreInto(resolve(request.into), request, config, { out, err })
    return 0
  } catch (error) {
    const refusal = refusalOf(error, usage)
    err(refusal ?? `nothing was restored: ${(error as Error).message}`)
    return refusal === undefined ? 1 : usageExitCode
  }
}

const restoreInto = async (
  into: string,
  request: Request,
  config: Config,
  output: Pick<Output, 'out' | 'err'>,
): Promise<void> => {
  const { out } = output
  const places = placesIn(config.BACKUP_DIR)
  await assertEmpty(into)
  const plan = await planRestore(places, await backupsIn(places), request)
  const { record } = plan.backup
  const temporary = await makeTemporaryDirectory()
  try {
    out(`from the backup ${record.name}, which ended at ${record.endedAt}`)
    await copyBackup(plan, into)
    const databaseUrl = config.DATABASE_DIRECT_URL || config.DATABASE_URL
    const { service, url } = await recover(
      plan,
      request.target,
      { into, wal: places.wal, temporary },
      databaseUrl,
    )
    try {
      const made = await makeCurrent(url, request)
      const timeline = await archiveHistory(into, places.wal)
      for (const line of describe(made, timeline)) out(line)
      await showLog(url, record, config, output)
    } finally {
      await service.stop()
    }
    for (const line of nextSteps(into, request)) out(line)
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
  record: BackupRecord,
  config: Config,
  { out, err }: Pick<Output, 'out' | 'err'>,
): Promise<void> => {
  const known = record.logs.find(({ log }) => log === config.KAFKA_TODO_TOPIC)
  const isEmbedded = known?.identity.startsWith('postgres:')
  const settings: Config = {
    ...config,
    DATABASE_URL: url,
    DATABASE_DIRECT_URL: '',
    COMMAND_LOG: isEmbedded ? 'postgres' : config.COMMAND_LOG,
  }
  const code = await commandLog(['show'], () => settings, { out, err })
  if (code !== 0)
    out('see how far the log is ahead before you start workers: npm run command-log -- show')
}

const nextSteps = (into: string, { target, keepsSessions }: Request): string[] => [
  `restored into ${into}`,
  ...(target.kind === 'latest'
    ? []
    : [
        `accounts, roles, passwords and shares are as they were at ${target.text}: docs/how-to/backups.md`,
      ]),
  ...(keepsSessions ? ['sessions that were revoked since are good again'] : []),
  'next: empty Redis (FLUSHDB), start Postgres there, workers, servers; then npm run backup',
]

if (process.argv[1] === import.meta.filename) {
  process.exitCode = await restore(process.argv.slice(2), () => readConfigOrExit('script'), {
    out: console.log,
    err: console.error,
  })
}
