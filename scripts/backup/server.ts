// What a backup must know of the Postgres that it is of, and how a session with it is opened.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectPostgres } from '../../lib/drivers/postgres/client.ts'
import type { BackupRecord } from './record.ts'

export type Session = ReturnType<typeof connectPostgres>

/** Rejects while another backup is being made: what is unfinished then is nobody's. */
export const asOnlyBackup = async <T>(
  url: string,
  work: (sql: Session) => Promise<T>,
): Promise<T> => {
  const sql = connectPostgres({ url, poolSize: 1 })
  try {
    // Held until the session ends.
    const [row] = await sql<{ is_only: boolean }[]>`
      SELECT pg_try_advisory_lock(hashtext('todos backup')) AS is_only`
    if (!row?.is_only) throw new Error('another backup of this database is being made')
    return await work(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** Throws where it is another database: its backup would be taken for that of `shard`. */
export const assertIsShard = async (sql: Session, shard: string | undefined): Promise<void> => {
  const [has] = await sql<{ is_there: boolean }[]>`
    SELECT to_regclass('shard_identity') IS NOT NULL AS is_there`
  const [found] = has?.is_there
    ? await sql<{ name: string }[]>`SELECT name FROM shard_identity`
    : []
  if (found === undefined || found.name === shard) return
  throw new Error(
    `${shard === undefined ? 'DATABASE_URL' : `${shard} in DATABASE_SHARDS`} leads to the shard ${found.name}: set its URL`,
  )
}

export type Server = {
  readonly version: string
  readonly major: number
  readonly systemIdentifier: string
  readonly segmentBytes: number
  readonly database: string
}

/** Throws in one line what stands in the way of a backup. */
export const readServer = async (sql: Session): Promise<Server> => {
  const [row] = await sql<
    {
      version: string
      number: number
      system: string
      segment_bytes: string
      database: string
      is_standby: boolean
      tablespaces: number
    }[]
  >`
    SELECT current_setting('server_version') AS version,
      current_setting('server_version_num')::int AS number,
      (SELECT system_identifier::text FROM pg_control_system()) AS system,
      (SELECT bytes_per_wal_segment::text FROM pg_control_init()) AS segment_bytes,
      current_database() AS database,
      pg_is_in_recovery() AS is_standby,
      (SELECT count(*)::int FROM pg_tablespace WHERE spcname NOT LIKE 'pg\\_%') AS tablespaces`
  if (row === undefined) throw new Error('Postgres says nothing about itself')
  if (row.is_standby) throw new Error('DATABASE_URL leads to a standby: set it to the primary')
  if (row.tablespaces > 0) {
    throw new Error('Postgres has tablespaces, which are not backed up here: use pgBackRest')
  }
  return {
    version: row.version,
    major: Math.floor(row.number / 10_000),
    systemIdentifier: row.system,
    segmentBytes: Number(row.segment_bytes),
    database: row.database,
  }
}

/**
 * Where its files are, when this machine has them and may read them. A data directory of the same path may
 * be another server's: this one's has its identifier and the time that it was started.
 */
export const findDataDirectory = async (
  sql: Session,
  { systemIdentifier }: Server,
): Promise<string | undefined> => {
  const [row] = await sql<{ directory: string; started: number }[]>`
    SELECT current_setting('data_directory') AS directory,
      extract(epoch FROM pg_postmaster_start_time())::float8 AS started`.catch(ifAllowed)
  if (row === undefined) return undefined
  try {
    const control = await readFile(join(row.directory, 'global/pg_control'))
    const lock = await readFile(join(row.directory, 'postmaster.pid'), 'utf8')
    const startedSec = Number(lock.split('\n')[2])
    const isSame =
      String(control.readBigUInt64LE(0)) === systemIdentifier &&
      Math.abs(startedSec - row.started) < startedOffMaxSec
    return isSame ? row.directory : undefined
  } catch {
    return undefined
  }
}

/** Postgres takes both times when it starts, one after the other. */
const startedOffMaxSec = 3
const insufficientPrivilege = '42501'

const ifAllowed = (error: unknown): undefined[] => {
  if ((error as { code?: unknown }).code !== insufficientPrivilege) throw error
  return []
}

/** When a backup of it ended, its newest migration, and how far each log is applied. */
export const readContents = async (
  sql: Session,
): Promise<Pick<BackupRecord, 'endedAt' | 'migration' | 'logs'>> => {
  // By its clock: its WAL has the times of commits.
  const [found] = await sql<{ at: Date; has_tables: boolean }[]>`
    SELECT clock_timestamp() AS at, to_regclass('command_logs') IS NOT NULL AS has_tables`
  const endedAt = (found?.at ?? new Date()).toISOString()
  if (!found?.has_tables) return { endedAt, migration: undefined, logs: [] }
  const [newest] = await sql<{ name: string }[]>`
    SELECT name FROM migrations ORDER BY name DESC LIMIT 1`
  const rows = await sql<
    { log: string; identity: string; partitions: number; positions: Record<string, number> }[]
  >`
    SELECT log, identity, partitions, coalesce(
      (SELECT json_object_agg(partition, next_offset ORDER BY partition)
       FROM command_offsets WHERE command_offsets.log = command_logs.log), '{}') AS positions
    FROM command_logs ORDER BY log`
  return { endedAt, migration: newest?.name, logs: [...rows] }
}
