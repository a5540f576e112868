// A real Postgres from npm: nothing to install, and writes as durable as anywhere.
// `npm start` keeps its data with fsync; tests turn fsync off, which a killed process survives.
// Its URL carries a random password, which is kept in the data directory.

import { execFile } from 'node:child_process'
import {
  chmod,
  chown,
  mkdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { connectPostgres } from '../../lib/drivers/postgres/client.ts'
import { loopback, freePort } from './ports.ts'
import {
  accessSettings,
  passwordFileIn,
  postgresEnvironment,
  restrictAccess,
  scramIterations,
  superuser,
  writePassword,
  type Network,
} from './postgres-access.ts'
import {
  assertReachable,
  postgresBinaries,
  postgresOwner,
  type Owner,
  type PostgresBinaries,
} from './postgres-binaries.ts'
import { startService, type Service } from './service.ts'
import { archiveSettings } from './wal-archive.ts'

const run = promisify(execFile)

const database = 'todos'
/** Logs, and the folder of the data: nobody else's to read. */
const directoryMode = 0o700
/** As Postgres itself has it. Of these, 3 are kept for superusers. */
const maxConnectionsDefault = 100
const startTimeoutMs = 60_000 // a crash recovery comes before the first answer
const stopTimeoutMs = 30_000 // a shutdown writes a checkpoint
const orphansTimeoutMs = 10_000
const orphansIntervalMs = 200

export class DataDirectoryInUse extends Error {
  override readonly name = 'DataDirectoryInUse'
  readonly pid: number
  constructor(directory: string, pid: number) {
    super(
      `${directory} is in use by another Postgres (pid ${pid}): ` +
        `stop the other one, or kill ${pid} if its starter was killed`,
    )
    this.pid = pid
  }
}

export const startPostgres = async (options: {
  directory: string
  port?: number
  /** false: no fsync, for tests. */
  durable?: boolean
  maxConnections?: number
  /** Where its WAL is archived; without, it is not. */
  archiveDirectory?: string | undefined
  /** Clients come from there too. */
  network?: Network
}): Promise<Service> => {
  const directory = resolve(options.directory)
  const durable = options.durable ?? true
  const binaries = await postgresBinaries()
  const owner = await postgresOwner()
  const data = join(directory, 'data')
  await makeDirectory(directory, owner)
  if (owner !== undefined) {
    await assertReachable(data, owner)
    await assertReachable(binaries.postgres, owner)
  }
  await assertNotInUse(directory, data)
  const archive = options.archiveDirectory && resolve(options.archiveDirectory)
  if (archive) await makeDirectory(archive, owner)
  await initialise(binaries, data, durable, owner)

  const port = options.port ?? (await freePort())
  const settings = {
    ...accessSettings(data, options.network),
    max_connections: options.maxConnections ?? maxConnectionsDefault,
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...(archive && (await archiveSettings(archive, owner))),
  }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const start = async () => {
    const password = await restrictAccess(data, binaries, owner, options.network)
    const urlOf = (database: string) =>
      `postgres://${superuser}:${password}@${loopback}:${port}/${database}`
    return startService({
      name: 'postgres',
      url: urlOf(database),
      port,
      directory,
      command: binaries.postgres,
      args: ['-D', data, '-p', String(port), ...args],
      env: postgresEnvironment(),
      owner,
      answers: () => makeDatabase(urlOf('postgres')),
      startTimeoutMs: startTimeoutMs,
      stopSignal: 'SIGINT', // "fast": SIGTERM would wait for every client to leave
      stopTimeoutMs: stopTimeoutMs,
    })
  }

  const deadline = Date.now() + orphansTimeoutMs
  for (;;) {
    try {
      return await start()
    } catch (error) {
      // Two starters at once: Postgres's own lock file let the other one in.
      await assertNotInUse(directory, data)
      // After a kill -9 of the first process only, the others need a moment to notice.
      const orphans = (error as Error).message.includes('pre-existing shared memory block')
      if (!orphans || Date.now() > deadline) throw error
      await delay(orphansIntervalMs)
    }
  }
}

export const makeDirectory = async (directory: string, owner: Owner | undefined): Promise<void> => {
  await mkdir(directory, { recursive: true })
  await chmod(directory, directoryMode)
  if (owner !== undefined) await chown(directory, owner.uid, owner.gid)
}

const initialise = async (
  { initdb }: PostgresBinaries,
  data: string,
  durable: boolean,
  owner: Owner | undefined,
): Promise<void> => {
  const exists = await stat(join(data, 'PG_VERSION')).then(
    () => true,
    () => false,
  )
  if (exists) return
  // Made beside its place and renamed, so that an interrupted one is not taken for complete.
  const unfinished = `${data}.new-${process.pid}`
  await rm(unfinished, { recursive: true, force: true })
  const password = `${unfinished}.password`
  await writePassword(password, owner)
  const args = ['--pgdata', unfinished, `--username=${superuser}`, '--encoding=UTF8']
  args.push('--auth=scram-sha-256', `--pwfile=${password}`)
  args.push('--set', `scram_iterations=${scramIterations}`)
  await run(initdb, [...args, '--locale=C', ...(durable ? [] : ['--no-sync'])], {
    cwd: '/',
    env: postgresEnvironment(),
    ...owner,
  })
  await rename(password, passwordFileIn(unfinished))
  await rename(unfinished, data).catch(async (error: unknown) => {
    await rm(unfinished, { recursive: true, force: true })
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error // else another starter was first
  })
}

const makeDatabase = async (url: string): Promise<void> => {
  const sql = connectPostgres({ url, poolSize: 1 })
  try {
    const found = await sql`SELECT 1 FROM pg_database WHERE datname = ${database}`
    if (found.length === 0) await sql`CREATE DATABASE ${sql(database)}`
  } finally {
    await sql.end({ timeout: 1 })
  }
}

const assertNotInUse = async (directory: string, data: string): Promise<void> => {
  const lockFile = join(data, 'postmaster.pid')
  const text = await readFile(lockFile, 'utf8').catch(() => '')
  const pid = Number(text.split('\n')[0])
  if (!(pid > 0)) return
  if (await isPostgresOn(pid, data)) throw new DataDirectoryInUse(directory, pid)
  // Postgres believes any process with that number; after a reboot it is often somebody else's.
  await rm(lockFile, { force: true })
}

const isPostgresOn = async (pid: number, data: string): Promise<boolean> => {
  if (process.platform === 'linux') {
    const program = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
    if (program.trim() !== 'postgres') return false
    // Postgres works in its data directory; where we may not look, it is taken for ours.
    const place = await readlink(`/proc/${pid}/cwd`).catch(() => undefined)
    return place === undefined || place === (await realpath(data))
  }
  const { stdout } = await run('ps', ['-p', String(pid), '-o', 'comm=']).catch(() => ({
    stdout: '',
  }))
  return stdout.trim().endsWith('postgres')
}
