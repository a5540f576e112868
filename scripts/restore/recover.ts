// Makes a data directory from a backup and lets Postgres replay the archived WAL in it, up to the target.
// It then runs on loopback only, archives nothing, and is no standby.

import { execFile } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { connectPostgres } from '../../lib/drivers/postgres/client.ts'
import { parsePostgresUrl } from '../../lib/runtime/config/postgres-url.ts'
import { copyFiles, isThere } from '../backup/copy-files.ts'
import { assertSame, isUnlisted, readManifest } from '../backup/manifest.ts'
import { dataIn, namesIn } from '../backup/places.ts'
import { majorOf } from '../backup/program-version.ts'
import type { BackupRecord } from '../backup/record.ts'
import { freePort, loopback } from '../stack/ports.ts'
import {
  passwordFileIn,
  postgresEnvironment,
  superuser,
  writeSecret,
} from '../stack/postgres-access.ts'
import {
  assertReachable,
  postgresBinaries,
  postgresOwner,
  type Owner,
} from '../stack/postgres-binaries.ts'
import { findProgram, startService, type Service } from '../stack/service.ts'
import { archiveProgram, restoreCommand } from '../stack/wal-archive.ts'
import type { Target } from './arguments.ts'
import type { Plan } from './plan.ts'

const run = promisify(execFile)

const privateMode = 0o700
/** A week of WAL is replayed in hours. */
const recoveryTimeoutMs = 24 * 3_600_000
const stopTimeoutMs = 300_000 // a shutdown writes all that was replayed
const askAgainMs = 200

/** Throws, in one line, where something is: it could be a database, and a running one. */
export const assertEmpty = async (into: string): Promise<void> => {
  if ((await namesIn(into)).length > 0) {
    throw new Error(`${into} is not empty: stop what runs there and move it away, or give another`)
  }
}

/** As it was before: empty. */
export const emptyAgain = async (into: string): Promise<void> => {
  for (const name of await namesIn(into)) {
    await rm(join(into, name), { recursive: true, force: true })
  }
}

/** Each file is compared with its checksum as it is copied. */
export const copyBackup = async ({ backup: { path, record } }: Plan, into: string) => {
  const data = dataIn(path)
  const manifest = await readManifest(data)
  await mkdir(dirname(into), { recursive: true })
  await mkdir(into, { recursive: true })
  await chmod(into, privateMode)
  const copied = await copyFiles(data, into)
  const found = new Map(copied.map((file) => [file.path, file]))
  const wal = record.wal.map(({ name, sha256 }) => {
    return { path: `pg_wal/${name}`, bytes: record.server.segmentBytes, sha256 }
  })
  for (const file of [...manifest.files.values(), ...wal]) {
    const one = found.get(file.path)
    if (one === undefined) throw new Error(`${path} is damaged: ${file.path} is missing`)
    assertSame(file, one)
  }
  const extra = copied.find((file) => !manifest.files.has(file.path) && !isUnlisted(file.path))
  if (extra !== undefined) throw new Error(`${path} is damaged: ${extra.path} is not of it`)
}

export type Recovered = {
  readonly service: Service
  readonly url: string
}

/** Resolves once it takes writes. `temporary`: for what it needs while it runs here. */
export const recover = async (
  { backup: { record }, timeline }: Plan,
  target: Target,
  places: { readonly into: string; readonly wal: string; readonly temporary: string },
  databaseUrl: string,
): Promise<Recovered> => {
  const { into, wal, temporary } = places
  const program = await findPostgres(record)
  const owner = await postgresOwner()
  await assertArchiveReadable(wal, owner)
  await writeFile(join(into, 'recovery.signal'), '')
  const hostRules = join(temporary, 'pg_hba.conf')
  await writeSecret(hostRules, `host all all ${loopback}/32 md5\n`, owner) // and scram-sha-256
  if (owner !== undefined) {
    await assertReachable(into, owner)
    for (const directory of [into, temporary]) {
      await run('chown', ['-R', `${owner.uid}:${owner.gid}`, directory])
    }
  }
  const configFile = join(into, 'postgresql.conf')
  const emptyConfig = join(temporary, 'postgresql.conf')
  if (!(await isThere(configFile))) await writeSecret(emptyConfig, '', owner) // Debian's is in /etc
  const settings = {
    config_file: (await isThere(configFile)) ? configFile : emptyConfig,
    hba_file: hostRules,
    listen_addresses: loopback,
    unix_socket_directories: '',
    ssl: 'off',
    logging_collector: 'off',
    log_destination: 'stderr',
    // Its WAL until it is stopped stays here: two that were restored would quarrel about the archive.
    archive_mode: 'off',
    // Else it would want as many connections and more as the lost one allowed.
    hot_standby: 'off',
    primary_conninfo: '',
    synchronous_standby_names: '',
    restore_command: restoreCommand(wal),
    ...targetSettings(target),
    recovery_target_action: 'promote',
    recovery_target_timeline: timeline === undefined ? 'current' : String(timeline),
  }
  const port = await freePort()
  const url = await urlAt(port, into, record, databaseUrl)
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const service = await startService({
    name: 'postgres',
    url,
    port,
    directory: temporary,
    command: program,
    args: ['-D', into, '-p', String(port), ...args],
    env: postgresEnvironment(),
    owner,
    answers: () => assertPromoted(url),
    startTimeoutMs: recoveryTimeoutMs,
    stopSignal: 'SIGINT',
    stopTimeoutMs,
  }).catch((error: unknown) => {
    throw new Error(explain((error as Error).message, target), { cause: error })
  })
  return { service, url }
}

const targetSettings = (target: Target): Readonly<Record<string, string>> => {
  switch (target.kind) {
    case 'latest':
      return {}
    case 'time':
      return { recovery_target_time: postgresTime(target.text) }
    case 'lsn':
      // The record that begins there is of after that place.
      return { recovery_target_lsn: target.text, recovery_target_inclusive: 'off' }
  }
}

/** Its names of zones, such as Z, are not loaded yet when it reads this setting. */
const postgresTime = (text: string): string => text.replace('T', ' ').replace('Z', '+00')

const explain = (message: string, target: Target): string => {
  if (message.includes('recovery ended before configured recovery target was reached')) {
    const { text } = target as { readonly text: string }
    return `the archived WAL ends before ${text}: give an earlier place, or --to latest`
  }
  const fault = /(?:FATAL|PANIC): {2}(.*)/.exec(message)
  return fault?.[1] === undefined ? message : `Postgres ended: ${fault[1]}`
}

const findPostgres = async ({ server: { major } }: BackupRecord): Promise<string> => {
  const embedded = await postgresBinaries().then(
    ({ postgres }) => postgres,
    () => undefined,
  )
  const debian = `/usr/lib/postgresql/${major}/bin/postgres`
  for (const program of [embedded, debian, findProgram('postgres')]) {
    if (program !== undefined && (await majorOf(program)) === major) return program
  }
  throw new Error(`no postgres of version ${major} is on this machine: install it, or go to one`)
}

/** Postgres takes a file that it may not read for one that is not there, and stops before it in silence. */
const assertArchiveReadable = async (wal: string, owner: Owner | undefined): Promise<void> => {
  const newest = (await namesIn(wal))
    .filter((name) => name.endsWith('.gz'))
    .sort()
    .at(-1)
  if (newest === undefined) return
  await run('gunzip', ['--test', join(wal, newest)], { cwd: '/', ...owner }).catch(
    (cause: unknown) => {
      const user = owner === undefined ? '' : `as the user ${owner.uid}, `
      throw new Error(`${user}${join(wal, newest)} can't be read, or is damaged`, { cause })
    },
  )
}

const assertPromoted = async (url: string): Promise<void> => {
  const sql = connectPostgres({ url, poolSize: 1 })
  try {
    const [row] = await sql<{ is_over: boolean }[]>`SELECT NOT pg_is_in_recovery() AS is_over`
    if (!row?.is_over) throw new Error('it still replays WAL')
  } catch (error) {
    await delay(askAgainMs)
    throw error
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** The password is that of then. One that we have started keeps its own in its directory. */
const urlAt = async (
  port: number,
  into: string,
  { database }: BackupRecord,
  databaseUrl: string,
): Promise<string> => {
  const kept = (await readFile(passwordFileIn(into), 'utf8').catch(() => '')).trim()
  const given = parsePostgresUrl(databaseUrl)
  const [user, password] =
    kept === '' ? [given.user ?? superuser, given.password ?? ''] : [superuser, kept]
  const login = [user, password].map(encodeURIComponent).join(':')
  return `postgres://${login}@${loopback}:${port}/${encodeURIComponent(database)}`
}

/** So that the next restore takes another timeline, and no segment of this one gets a name of that one's. */
export const archiveHistory = async (into: string, wal: string): Promise<number> => {
  const names = (await readdir(join(into, 'pg_wal'))).filter((name) =>
    /^[0-9A-F]{8}\.history$/.test(name),
  )
  const newest = names.sort().at(-1)
  if (newest === undefined) throw new Error('the restored Postgres has no new timeline')
  if (await isThere(wal)) {
    const { uid, gid } = await stat(wal)
    const as = process.getuid?.() === 0 ? { uid, gid } : {}
    const file = join(into, 'pg_wal', newest)
    await run('sh', [archiveProgram, file, basename(file), wal], { cwd: '/', ...as })
  }
  return parseInt(newest, 16)
}
