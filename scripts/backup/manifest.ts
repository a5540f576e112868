// The backup_manifest of Postgres: each file of a base backup with its size and checksum. Ours is written
// in the same form, so that pg_verifybackup reads it, and the one of pg_basebackup is verified by us.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { filesIn, hashFile, type CopiedFile } from './copy-files.ts'

export const manifestName = 'backup_manifest'

export type WalRange = {
  readonly timeline: number
  readonly startLsn: string
  readonly endLsn: string
}

export type ManifestFile = Pick<CopiedFile, 'path' | 'bytes' | 'sha256'>

export type Manifest = {
  readonly files: ReadonlyMap<string, ManifestFile>
  readonly range: WalRange
}

/** From this major version on, it names the database system too. */
const namesSystemFrom = 17

/** `files`: without the WAL. */
export const manifestText = (
  files: readonly CopiedFile[],
  range: WalRange,
  server: { readonly major: number; readonly systemIdentifier: string },
): string => {
  const namesSystem = server.major >= namesSystemFrom
  const lines = [
    `{ "PostgreSQL-Backup-Manifest-Version": ${namesSystem ? 2 : 1},`,
    ...(namesSystem ? [`"System-Identifier": ${server.systemIdentifier},`] : []),
    '"Files": [',
    files.map(fileLine).join(',\n'),
    '],',
    '"WAL-Ranges": [',
    `{ "Timeline": ${range.timeline}, "Start-LSN": "${range.startLsn}", "End-LSN": "${range.endLsn}" }`,
    '],',
    '',
  ]
  const text = lines.join('\n')
  return `${text}"Manifest-Checksum": "${sha256(text)}"}\n`
}

const fileLine = ({ path, bytes, sha256, modified }: CopiedFile): string => {
  const time = `${modified.toISOString().slice(0, 19).replace('T', ' ')} GMT`
  return (
    `{ "Path": ${JSON.stringify(path)}, "Size": ${bytes}, "Last-Modified": "${time}", ` +
    `"Checksum-Algorithm": "SHA256", "Checksum": "${sha256}" }`
  )
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

type Parsed = {
  readonly Files: readonly {
    readonly Path: string
    readonly Size: number
    readonly 'Checksum-Algorithm'?: string
    readonly Checksum?: string
  }[]
  readonly 'WAL-Ranges': readonly {
    readonly Timeline: number
    readonly 'Start-LSN': string
    readonly 'End-LSN': string
  }[]
}

/** Throws when it is not as it was written. */
export const parseManifest = (text: string): Manifest => {
  const at = text.lastIndexOf('"Manifest-Checksum"')
  const [, checksum] = /"Manifest-Checksum": "([0-9a-f]{64})"/.exec(text.slice(at)) ?? []
  if (at === -1 || checksum !== sha256(text.slice(0, at))) {
    throw new Error(`${manifestName} is cut or was changed`)
  }
  const { Files: files, 'WAL-Ranges': ranges } = JSON.parse(text) as Parsed
  const [range, ...others] = ranges
  if (range === undefined || others.length > 0) {
    throw new Error(`${manifestName} has ${ranges.length} ranges of WAL, not one`)
  }
  return {
    files: new Map(
      files.map((file) => {
        if (file['Checksum-Algorithm'] !== 'SHA256' || file.Checksum === undefined) {
          throw new Error(`${manifestName} has no SHA-256 of ${file.Path}`)
        }
        return [file.Path, { path: file.Path, bytes: file.Size, sha256: file.Checksum }]
      }),
    ),
    range: {
      timeline: range.Timeline,
      startLsn: range['Start-LSN'],
      endLsn: range['End-LSN'],
    },
  }
}

export const readManifest = async (data: string): Promise<Manifest> =>
  parseManifest(await readFile(join(data, manifestName), 'utf8'))

/** What is in `data` and in no manifest: the WAL has checksums in the record of the backup. */
export const isUnlisted = (path: string): boolean =>
  path === manifestName || path.startsWith('pg_wal/')

/** Throws, naming the first file that is not as it was copied. */
export const verifyFiles = async (data: string, { files }: Manifest): Promise<void> => {
  const found = await filesIn(data)
  const there = new Set(found)
  const missing = [...files.keys()].find((path) => !there.has(path))
  if (missing !== undefined) throw new Error(`${missing} is missing`)
  const extra = found.find((path) => !files.has(path) && !isUnlisted(path))
  if (extra !== undefined) throw new Error(`${extra} is in no ${manifestName}`)
  for (const file of files.values()) {
    assertSame(file, await hashFile(join(data, file.path)))
  }
}

export const assertSame = (
  expected: ManifestFile,
  found: { readonly bytes: number; readonly sha256: string },
): void => {
  const { path, bytes, sha256 } = expected
  if (found.bytes !== bytes) throw new Error(`${path} has ${found.bytes} bytes, not ${bytes}`)
  if (found.sha256 !== sha256)
    throw new Error(`${path} is not as it was copied: its checksum differs`)
}
