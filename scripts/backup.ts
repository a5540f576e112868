// npm run backup: a base backup of each database, verified, into BACKUP_DIR. With the WAL that Postgres
// archives there it leads to any later moment. One that fails leaves nothing that looks like a backup.

import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readWalArchive } from '../lib/drivers/postgres/wal-archive.ts'
import { readConfigOrExit, type Config } from '../lib/runtime/config/config.ts'
import { makeBackup } from './backup/base-backup.ts'
import { isThere, synced } from './backup/copy-files.ts'
import { databasesOf, type Database } from './backup/databases.ts'
import { backupsIn, makePrivate, unfinishedPlace, type Places } from './backup/places.ts'
import { pruneBackups, removeUnfinished } from './backup/prune.ts'
import type { BackupRecord } from './backup/record.ts'
import { asOnlyBackup, assertIsShard, type Session } from './backup/server.ts'
import { answerTo, parseOptions, UsageError, usageExitCode } from './command-line.ts'
import { refusalOf } from './confirm.ts'
import type { Output, Write } from './database-command.ts'

const keepDefault = 7
/** For an archive that is behind. */
const archiveTimeoutMs = 60_000
const pollIntervalMs = 200

export const usage = `usage: npm run backup [-- [--keep N | --list] [--only NAME]]
Makes a base backup of each database into BACKUP_DIR, verifies it, and removes the oldest ones.
  --keep N     how many are kept of each (${keepDefault}), with all the archived WAL from the oldest of them on
  --list       print the backups that there are, and make none
  --only NAME  of one: a shard of DATABASE_SHARDS, or DATABASE_URL
The databases are that of DATABASE_DIRECT_URL or DATABASE_URL, or where neither is set, that of npm start; and
each shard. One is copied where its files are on this machine and may be read; else pg_basebackup is run, of its
version. One that fails keeps no other from being backed up.
Exit codes: 0 done, 1 one was not backed up or its WAL is not archived, 2 wrong usage.`

type Request = {
  readonly keep: number
  readonly isList: boolean
  readonly only: string | undefined
}

const parseRequest = (args: readonly string[]): Request => {
  const { values } = parseOptions(args, {
    keep: { type: 'string' },
    list: { type: 'boolean' },
    only: { type: 'string' },
  })
  const { keep = String(keepDefault), list: isList = false, only } = values
  if (!/^[1-9]\d{0,4}$/.test(keep)) throw new UsageError(`"${keep}" is no number of backups`)
  return { keep: Number(keep), isList, only }
}

/** Returns the exit code. */
export const backup = async (
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
    const { keep, isList, only } = parseRequest(args)
    const config = readSettings()
    if (config.BACKUP_DIR === '') {
      throw new UsageError('BACKUP_DIR is not set: set it to a directory on another disk')
    }
    const databases = await databasesOf(config, only)
    let code = 0
    for (const database of databases) {
      const named = {
        out: prefixed(out, databases, database),
        err: prefixed(err, databases, database),
      }
      if (isList) await list(database.places, named.out)
      else if (!(await backUp(database, keep, named))) code = 1
    }
    return code
  } catch (error) {
    const refusal = refusalOf(error, usage)
    err(refusal ?? `no backup was made: ${(error as Error).message}`)
    return refusal === undefined ? 1 : usageExitCode
  }
}

/** Where there are no shards, nobody asks which database it was. */
const prefixed = (
  write: Write,
  { length }: readonly Database[],
  { label, shard }: Database,
): Write => (length === 1 && shard === undefined ? write : (line) => write(`${label}: ${line}`))

/** False: it failed, or nothing later than it can be restored. */
const backUp = async (
  { url, places, shard }: Database,
  keep: number,
  { out, err }: Pick<Output, 'out' | 'err'>,
): Promise<boolean> => {
  try {
    const fault = await asOnlyBackup(url, async (sql) => {
      await assertIsShard(sql, shard)
      const record = await make(sql, url, places, out)
      const found = await archiveFault(sql, record)
      // Else the older ones may be all that there is to go back to.
      if (found === undefined) await prune(places, keep, out)
      return found
    })
    if (fault !== undefined) err(`the backup is whole, and nothing later can be restored: ${fault}`)
    return fault === undefined
  } catch (error) {
    err(`no backup was made: ${(error as Error).message}`)
    return false
  }
}

const make = async (
  sql: Session,
  url: string,
  places: Places,
  out: Write,
): Promise<BackupRecord> => {
  await removeUnfinished(places)
  // To the second: the next one has another name.
  const name = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const path = join(places.base, name)
  if (await isThere(path)) throw new Error(`${path} is there already`)
  await makePrivate(places.base)
  const unfinished = unfinishedPlace(places, name)
  let record: BackupRecord
  try {
    record = await makeBackup(sql, url, unfinished, name)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw error
  }
  await rename(unfinished, path)
  await synced(places.base)
  out(`backup ${path}`)
  for (const line of describe(record)) out(line)
  return record
}

const prune = async (places: Places, keep: number, out: Write): Promise<void> => {
  const pruned = await pruneBackups(places, keep)
  if (pruned.backups.length > 0) out(`removed: ${pruned.backups.join(', ')}`)
  if (pruned.segments > 0) out(`removed: ${pruned.segments} files of older WAL`)
}

/** Undefined: what was written until now is in the archive, or there is none. */
const archiveFault = async (
  sql: Session,
  { endedAt }: BackupRecord,
): Promise<string | undefined> => {
  const wanted = (await readWalArchive(sql))?.writtenTo ?? 0
  for (const deadline = performance.now() + archiveTimeoutMs; ;) {
    const archive = await readWalArchive(sql)
    if (archive === undefined) return undefined
    // The segment that is being written is not archived before it is full.
    const { archivedTo = 0, failing } = archive
    const [row] = await sql<{ bytes: string }[]>`
      SELECT pg_size_bytes(current_setting('wal_segment_size')) AS bytes`
    if (archivedTo >= wanted - Number(row?.bytes)) return undefined
    if (failing && failing.at >= new Date(endedAt))
      return `${failing.file} could not be archived: the log of Postgres says why`
    if (performance.now() > deadline) return `nothing came in ${archiveTimeoutMs / 1_000} s`
    await delay(pollIntervalMs)
  }
}

const list = async (places: Places, out: Write) => {
  const backups = await backupsIn(places)
  if (backups.length === 0) out(`no backup is in ${places.base}`)
  for (const { path, record } of backups) {
    out(`${path}  ended ${record.endedAt}  timeline ${record.timeline}  ${megabytes(record)}`)
  }
}

const describe = (record: BackupRecord): string[] => [
  `Postgres ${record.server.version}, ${record.migration ?? 'without tables'}, by ${record.method}`,
  `${record.files} files, ${megabytes(record)}, each verified by its checksum`,
  `consistent from ${record.endLsn} of timeline ${record.timeline}, ${record.endedAt}`,
  ...record.logs.map(({ log, positions }) => {
    const each = Object.entries(positions).map(([partition, next]) => `${partition}:${next}`)
    return `log ${log} is applied up to ${each.join(' ') || 'nothing'}`
  }),
]

const megabytes = ({ bytes }: BackupRecord): string => `${(bytes / 1e6).toFixed(1)} MB`

if (process.argv[1] === import.meta.filename) {
  process.exitCode = await backup(process.argv.slice(2), () => readConfigOrExit('script'), {
    out: console.log,
    err: console.error,
  })
}
