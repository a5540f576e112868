// Whether Postgres archives its WAL, and how much it has written since. An archive that fails, or is silent,
// stops no write: a restore to a moment of today would fail, and a disk fills up.

import type { Sql } from './pool.ts'

export type WalArchive = {
  /** Where Postgres is in its WAL, in bytes. */
  readonly writtenTo: number
  /** Undefined: nothing was archived, or Postgres has forgotten it in a crash. */
  readonly archivedTo: number | undefined
  /** Its last attempt failed: the file, and when. */
  readonly failing: { readonly file: string; readonly at: Date } | undefined
}

type Row = {
  readonly written_to: string
  readonly archived_to: string | null
  readonly failed_file: string | null
  readonly failed_at: Date
}

/** Undefined where it does not archive, and of a standby. */
export const readWalArchive = async (sql: Sql): Promise<WalArchive | undefined> => {
  const [row] = await sql<Row[]>`
    SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS written_to,
      -- The end of that segment, from its name.
      CASE WHEN last_archived_wal ~ '^[0-9A-F]{24}' THEN
        ('x' || substr(last_archived_wal, 9, 8))::bit(32)::bigint * 4294967296
        + (('x' || substr(last_archived_wal, 17, 8))::bit(32)::bigint + 1)
          * pg_size_bytes(current_setting('wal_segment_size'))
      END AS archived_to,
      CASE WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN last_failed_wal END
        AS failed_file,
      last_failed_time AS failed_at
    FROM pg_stat_archiver
    WHERE current_setting('archive_mode') <> 'off' AND NOT pg_is_in_recovery()`
  if (row === undefined) return undefined
  const { written_to, archived_to, failed_file: file, failed_at: at } = row
  return {
    writtenTo: Number(written_to),
    archivedTo: archived_to === null ? undefined : Number(archived_to),
    failing: file === null ? undefined : { file, at },
  }
}
