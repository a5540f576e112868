// Which backups are kept: the newest so many, and all the WAL from the oldest of these on. History files
// are some bytes each and stay: they say which timelines there have been.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { synced } from './copy-files.ts'
import { backupsIn, namesIn, unfinishedIn, type Backup, type Places } from './places.ts'
import type { BackupRecord } from './record.ts'
import { segmentsBetween } from './wal-names.ts'

export type Pruned = { readonly backups: readonly string[]; readonly segments: number }

/** What interrupted ones have left. Call it while no other backup is being made. */
export const removeUnfinished = async (places: Places): Promise<void> => {
  for (const name of await unfinishedIn(places)) {
    await rm(join(places.base, name), { recursive: true, force: true })
  }
}

export const pruneBackups = async (places: Places, keep: number): Promise<Pruned> => {
  const backups = await backupsIn(places)
  const old = backups.slice(0, Math.max(backups.length - keep, 0))
  for (const { path } of old) await rm(path, { recursive: true, force: true })
  const segments = await pruneWal(places, backups.slice(old.length))
  await synced(places.base)
  return { backups: old.map(({ record }) => record.name), segments }
}

/** Names of different timelines are compared by where they are in the log, as pg_archivecleanup does. */
const placeOf = (name: string): string => name.slice(8, 24)
const archivedPattern = /^[0-9A-F]{24}(\.[0-9A-F]{8}\.backup)?\.gz$/

const pruneWal = async ({ wal }: Places, kept: readonly Backup[]): Promise<number> => {
  const first = kept.map(({ record }) => firstPlace(record)).sort()[0]
  if (first === undefined) return 0
  const old = (await namesIn(wal)).filter(
    (name) => archivedPattern.test(name) && placeOf(name) < first,
  )
  for (const name of old) await rm(join(wal, name), { force: true })
  return old.length
}

const firstPlace = ({ timeline, startLsn, endLsn, server }: BackupRecord): string =>
  placeOf(segmentsBetween(timeline, startLsn, endLsn, server.segmentBytes)[0] ?? '')
