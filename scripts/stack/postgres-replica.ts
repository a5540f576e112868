// A streaming replica of a Postgres that we have started. The npm package has no pg_basebackup: the data
// directory is copied between pg_backup_start and pg_backup_stop.

import { execFile } from 'node:child_process'
import { cp, rm, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { connectPostgres } from '../../lib/drivers/postgres/client.ts'
import { writeSecret } from './postgres-access.ts'
import { postgresOwner, type Owner } from './postgres-binaries.ts'
import { makeDirectory, startPostgres } from './postgres.ts'
import type { Service } from './service.ts'

const run = promisify(execFile)

/** Of a copy: WAL comes from the primary, and the others are its processes'. */
const notCopied =
  /^(pg_wal|pg_replslot|pg_stat_tmp|pg_dynshmem|pg_notify|pg_subtrans)\/|^postmaster\./
/** Postgres's own 5 s would be most of what a restart of the primary takes here. */
const retryMs = 200

/**
 * Resolves once it answers: it may still be behind. Its URL has the primary's password. In a directory
 * that has one already, it goes on from where that was.
 */
export const startPostgresReplica = async (
  options: Omit<Parameters<typeof startPostgres>[0], 'durable'> & {
    readonly primary: Pick<Service, 'url'>
  },
): Promise<Service> => {
  const { primary, ...place } = options
  const directory = resolve(options.directory)
  const owner = await postgresOwner()
  const data = join(directory, 'data')
  const isThere = await stat(join(data, 'standby.signal')).then(
    () => true,
    () => false,
  )
  if (!isThere) {
    await makeDirectory(directory, owner)
    await copyData(primary.url, data, owner)
  }
  return startPostgres({ ...place, directory, durable: false })
}

const copyData = async (primaryUrl: string, data: string, owner: Owner | undefined) => {
  // One session: Postgres ends a backup with the session that began it.
  const sql = connectPostgres({ url: primaryUrl, poolSize: 1 })
  try {
    const [found] = await sql<{ directory: string }[]>`
      SELECT current_setting('data_directory') AS directory, pg_backup_start('replica', true)`
    const from = found?.directory ?? ''
    await cp(from, data, {
      recursive: true,
      filter: (path) => !notCopied.test(path.slice(from.length + 1)),
    })
    const [ended] = await sql<{ label: string }[]>`
      SELECT labelfile AS label FROM pg_backup_stop(wait_for_archive => false)`
    await writeFile(join(data, 'backup_label'), ended?.label ?? '')
  } catch (error) {
    await rm(data, { recursive: true, force: true })
    throw error
  } finally {
    await sql.end({ timeout: 1 })
  }
  await writeFile(join(data, 'standby.signal'), '')
  const { hostname, port, username, password } = new URL(primaryUrl)
  const from = `host=${hostname} port=${port} user=${username} password=${password}`
  await writeSecret(
    join(data, 'postgresql.auto.conf'),
    `primary_conninfo = '${from}'\nwal_retrieve_retry_interval = ${retryMs}\n`,
    owner,
  )
  if (owner !== undefined) await run('chown', ['-R', `${owner.uid}:${owner.gid}`, data])
}
