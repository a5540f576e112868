// What is written down of a base backup, beside its files: all that a restore and its operator must know
// before anything is started. The files and their checksums are in Postgres' own backup_manifest.

export const recordFormat = 1

export type BackupRecord = {
  readonly format: typeof recordFormat
  readonly name: string
  readonly startedAt: string
  /** A restore to a time before this needs an older backup. */
  readonly endedAt: string
  readonly method: 'copy' | 'pg_basebackup'
  readonly server: {
    readonly version: string
    readonly major: number
    readonly systemIdentifier: string
    readonly segmentBytes: number
  }
  readonly database: string
  readonly timeline: number
  /** The restored database is consistent once it has replayed the WAL between both. */
  readonly startLsn: string
  readonly endLsn: string
  /** The newest that was applied; undefined: the database has no tables yet. */
  readonly migration: string | undefined
  /** How far each command log was applied: what comes later is applied again after a restore. */
  readonly logs: readonly LogPosition[]
  readonly files: number
  readonly bytes: number
  /** The segments that make the backup consistent, which the manifest leaves out. */
  readonly wal: readonly { readonly name: string; readonly sha256: string }[]
}

export type LogPosition = {
  readonly log: string
  readonly identity: string
  readonly partitions: number
  /** The next offset of each partition. */
  readonly positions: Readonly<Record<string, number>>
}
