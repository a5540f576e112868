// Who may connect to a Postgres that we start: whoever can read the random password in its data
// directory. Trusted, any user of the machine was its superuser and ran programs as its owner.

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Owner, PostgresBinaries } from './postgres-binaries.ts'
import { loopback } from './ports.ts'

const run = promisify(execFile)

export const superuser = 'postgres'

/** For Postgres alone, or for us where both are one user. */
const secretMode = 0o600
const passwordBytes = 32

/**
 * Rounds of hashing for each connection protect a password that could be guessed: this one has 256
 * random bits. The usual 4,096 would stop a server process for milliseconds at each connection.
 */
export const scramIterations = 1

export const passwordFileIn = (data: string): string => join(data, 'password')

/** A network of ours beside loopback, and Postgres' address in it. */
export type Network = { readonly address: string; readonly range: string }

/** Nobody else comes in, by TCP or a socket, whoever may read or write the files of others. */
const hostRules = (
  network?: Network,
) => `# Written anew at each start. The password is in the file beside this one.
host all all ${loopback}/32 scram-sha-256
host replication all ${loopback}/32 scram-sha-256
${network ? `host all all ${network.range} scram-sha-256\n` : ''}`
const hostRulesIn = (data: string): string => join(data, 'pg_hba.conf')

/** The settings that hold whatever the data directory's own files say. */
export const accessSettings = (data: string, network?: Network) => ({
  listen_addresses: network ? `${loopback},${network.address}` : loopback,
  unix_socket_directories: '',
  hba_file: hostRulesIn(data),
})

/** A new password in `file`, for initdb. */
export const writePassword = async (file: string, owner: Owner | undefined): Promise<string> => {
  const password = randomBytes(passwordBytes).toString('hex')
  await writeSecret(file, password, owner)
  return password
}

/**
 * Call it while no Postgres runs on `data`. It writes the rules, and gives the superuser a password
 * where it has none, as in older data directories. Resolves with the password.
 */
export const restrictAccess = async (
  data: string,
  binaries: PostgresBinaries,
  owner: Owner | undefined,
  network?: Network,
): Promise<string> => {
  await writeSecret(hostRulesIn(data), hostRules(network), owner)
  const file = passwordFileIn(data)
  const kept = (await readFile(file, 'utf8').catch(() => '')).trim()
  if (kept !== '') {
    await writeSecret(file, kept, owner) // with its mode, whatever became of that
    return kept
  }
  // Kept only once it is in force: interrupted before, the next start makes another.
  const unfinished = `${file}.new-${process.pid}`
  const password = await writePassword(unfinished, owner)
  await setPassword(password, data, binaries, owner)
  await rename(unfinished, file)
  return password
}

/** In single-user mode nobody can connect; the password comes in by stdin, where `ps` has no eye. */
const setPassword = async (
  password: string,
  data: string,
  { postgres }: PostgresBinaries,
  owner: Owner | undefined,
): Promise<void> => {
  const settings = {
    scram_iterations: scramIterations,
    password_encryption: 'scram-sha-256',
    log_statement: 'none',
    log_min_error_statement: 'panic',
    logging_collector: 'off',
  }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const running = run(postgres, ['--single', '-D', data, ...args, 'postgres'], {
    cwd: '/',
    env: postgresEnvironment(),
    ...owner,
  })
  running.child.stdin?.end(
    `ALTER ROLE ${superuser} LOGIN PASSWORD '${password}' VALID UNTIL 'infinity'\n`,
  )
  const { stderr } = await running
  // It ends with 0 whatever the statement met.
  if (/ERROR|FATAL|PANIC/.test(stderr)) {
    throw new Error(`${data}: the superuser could not be given a password: ${stderr.trim()}`)
  }
}

/** The user's own PG* and locale settings must not leak in: logs in English, times in UTC. */
export const postgresEnvironment = (): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG'))),
  LC_ALL: 'C',
  TZ: 'UTC',
})

/** A new file, renamed into its place: a link that somebody left there is replaced, not followed. */
export const writeSecret = async (
  file: string,
  text: string,
  owner: Owner | undefined,
): Promise<void> => {
  const unfinished = `${file}.writing-${process.pid}`
  await rm(unfinished, { force: true })
  const handle = await open(unfinished, 'wx', secretMode)
  try {
    await handle.writeFile(text)
    if (owner !== undefined) await handle.chown(owner.uid, owner.gid)
  } finally {
    await handle.close()
  }
  await rename(unfinished, file)
}
