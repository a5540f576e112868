// A base backup of a running Postgres into a directory, in one of two ways: a copy of its files, where they
// are on this machine, or the pg_basebackup of its version. Both leave the same.

import { createHash } from 'node:crypto'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { copyFile, copyFiles, hashFile, synced, type CopiedFile } from './copy-files.ts'
import { manifestName, manifestText, readManifest, verifyFiles } from './manifest.ts'
import { dataIn, makePrivate, recordFileIn } from './places.ts'
import { pgBaseBackup } from './pg-base-backup.ts'
import { recordFormat, type BackupRecord } from './record.ts'
import { findDataDirectory, readContents, readServer, type Server, type Session } from './server.ts'
import { segmentsBetween } from './wal-names.ts'

/**
 * Whoever starts Postgres on the copy makes these anew. What is in pg_wal, a backup takes by itself: only
 * the segments that it needs.
 */
const contentsLeftOut =
  /^(pg_wal|pg_replslot|pg_stat_tmp|pg_dynshmem|pg_notify|pg_serial|pg_snapshots|pg_subtrans)\/./
const leftOut =
  /^(postmaster\.(pid|opts)|backup_label(\.old)?|tablespace_map(\.old)?|backup_manifest|(standby|recovery)\.signal)$|(^|\/)(pgsql_tmp[^/]*|pg_internal\.init(\.\d+)?)$/

export const isOfRunningServer = (path: string): boolean =>
  contentsLeftOut.test(path) || leftOut.test(path)

/**
 * Rejects when it could not be made, or is not as it was made. `directory` is then to be removed. `sql` is
 * one session: Postgres ends a backup, and drops its slot, with the session that began it.
 */
export const makeBackup = async (
  sql: Session,
  url: string,
  directory: string,
  name: string,
): Promise<BackupRecord> => {
  const startedAt = new Date()
  const server = await readServer(sql)
  await makePrivate(directory)
  const data = dataIn(directory)
  const from = await findDataDirectory(sql, server)
  if (from === undefined) await pgBaseBackup(url, server, data)
  else await copyServer(sql, server, from, data)
  const contents = await readContents(sql)
  const manifest = await readManifest(data)
  await verifyFiles(data, manifest)
  const sizes = [...manifest.files.values()].map(({ bytes }) => bytes)
  const { database, version, major, systemIdentifier, segmentBytes } = server
  const record: BackupRecord = {
    format: recordFormat,
    name,
    startedAt: startedAt.toISOString(),
    method: from === undefined ? 'pg_basebackup' : 'copy',
    server: {
      version,
      major,
      systemIdentifier,
      segmentBytes,
    },
    database,
    ...manifest.range,
    ...contents,
    files: sizes.length,
    bytes: sizes.reduce((sum, bytes) => sum + bytes, 0),
    wal: await hashWal(data, segmentsOf(manifest.range, server)),
  }
  await writeFile(recordFileIn(directory), `${JSON.stringify(record, null, 2)}\n`)
  await synced(directory)
  return record
}

const copyServer = async (sql: Session, server: Server, from: string, data: string) => {
  // Keeps the segments of meanwhile in pg_wal, with an archive and without.
  await sql`SELECT pg_create_physical_replication_slot(${slotName()}, true, true)`
  await sql`SELECT pg_backup_start('todos', true)`
  const copied = await copyFiles(from, data, isOfRunningServer)
  // The segments of meanwhile are copied below: an archive that is stuck must not hold this up for ever.
  const [ended] = await sql<{ lsn: string; label: string }[]>`
    SELECT lsn::text, labelfile AS label FROM pg_backup_stop(wait_for_archive => false)`
  const { lsn: endLsn = '', label = '' } = ended ?? {}
  const [, startLsn = ''] = /^START WAL LOCATION: ([0-9A-F/]+) /m.exec(label) ?? []
  const [, timeline] = /^START TIMELINE: (\d+)$/m.exec(label) ?? []
  const range = { timeline: Number(timeline), startLsn, endLsn }
  for (const name of segmentsOf(range, server)) {
    const segment = await copyFile(join(from, 'pg_wal', name), join(data, 'pg_wal', name), name)
    if (segment === undefined) throw new Error(`${name} is not in pg_wal any more`)
  }
  await mkdir(join(data, 'pg_wal', 'archive_status'), { recursive: true })
  await synced(join(data, 'pg_wal'))
  const files = [...copied, await writeLabel(data, label)]
  await writeFile(join(data, manifestName), manifestText(files, range, server))
  await synced(data)
}

const slotName = (): string => `todos_backup_${process.pid}`

const writeLabel = async (data: string, label: string): Promise<CopiedFile> => {
  const path = 'backup_label'
  await writeFile(join(data, path), label)
  const { mtime: modified } = await stat(join(data, path))
  const sha256 = createHash('sha256').update(label).digest('hex')
  return { path, bytes: Buffer.byteLength(label), sha256, modified }
}

const segmentsOf = (
  { timeline, startLsn, endLsn }: BackupRange,
  { segmentBytes }: Server,
): string[] => segmentsBetween(timeline, startLsn, endLsn, segmentBytes)
type BackupRange = Pick<BackupRecord, 'timeline' | 'startLsn' | 'endLsn'>

const hashWal = async (data: string, needed: readonly string[]) => {
  const there = new Set(await readdir(join(data, 'pg_wal')))
  const missing = needed.find((name) => !there.has(name))
  if (missing !== undefined) throw new Error(`the segment ${missing} of its own WAL is missing`)
  return Promise.all(
    needed.map(async (name) => {
      const { sha256 } = await hashFile(join(data, 'pg_wal', name))
      return { name, sha256 }
    }),
  )
}
