// Where backups are in BACKUP_DIR: a folder for each database, and in it the base backups, each with its
// record, and the archive of the WAL.

import { chmod, mkdir, readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Config } from '../../lib/runtime/config/config.ts'
import type { BackupRecord } from './record.ts'

/** Of DATABASE_URL. A shard may have this name, too: shards are in a folder of their own. */
const mainFolder = 'main'
const shardsFolder = 'shards'

/** They hold all that the database holds. */
const privateMode = 0o700

export type Places = {
  readonly base: string
  readonly wal: string
}

/** `shard`: undefined for the database of DATABASE_URL. */
export const placesIn = (backupDirectory: string, shard?: string): Places => {
  const folder = shard === undefined ? mainFolder : join(shardsFolder, shard)
  const root = join(resolve(backupDirectory), folder)
  return { base: join(root, 'base'), wal: join(root, 'wal') }
}

/** Undefined: WAL is not archived. */
export const archiveIn = ({ BACKUP_DIR }: Config): string | undefined =>
  BACKUP_DIR === '' ? undefined : placesIn(BACKUP_DIR).wal

/** The data directory of a base backup. */
export const dataIn = (backup: string): string => join(backup, 'data')

export const recordFileIn = (backup: string): string => join(backup, 'backup.json')

export const makePrivate = async (directory: string): Promise<void> => {
  await mkdir(directory, { recursive: true })
  await chmod(directory, privateMode)
}

/** A backup gets its name when it is whole and was verified: until then it has this before it. */
const unfinishedMark = '.unfinished-'

export const unfinishedPlace = ({ base }: Places, name: string): string =>
  join(base, `${unfinishedMark}${name}`)

/** Of backups that were interrupted; complete only while none is being made. */
export const unfinishedIn = async ({ base }: Places): Promise<string[]> =>
  (await namesIn(base)).filter((name) => name.startsWith(unfinishedMark))

export type Backup = { readonly path: string; readonly record: BackupRecord }

/** Oldest first. */
export const backupsIn = async ({ base }: Places): Promise<Backup[]> => {
  const names = (await namesIn(base)).filter((name) => !name.startsWith('.')).sort()
  return Promise.all(
    names.map(async (name) => {
      const path = join(base, name)
      const text = await readFile(recordFileIn(path), 'utf8')
      return { path, record: JSON.parse(text) as BackupRecord }
    }),
  )
}

/** Empty where there is no such directory. */
export const namesIn = (directory: string): Promise<string[]> =>
  readdir(directory).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
