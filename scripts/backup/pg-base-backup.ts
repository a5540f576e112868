// pg_basebackup, for a Postgres whose files are not on this machine. It takes them over a connection for
// replication, which wants the tools of the server's version: older ones refuse it.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { findProgram } from '../stack/service.ts'
import { majorOf } from './program-version.ts'
import type { Server } from './server.ts'

const run = promisify(execFile)

/** Throws what to install, or what it says itself. */
export const pgBaseBackup = async (url: string, { major }: Server, data: string): Promise<void> => {
  const program = await findPgBaseBackup(major)
  if (program === undefined) {
    throw new Error(
      'this machine may not read the files of Postgres, and has no pg_basebackup of its version: ' +
        `run this where they are, as their owner, or install the client programs of Postgres ${major}`,
    )
  }
  const { target, password } = withoutPassword(url)
  const args = ['--pgdata', data, '--format=plain', '--wal-method=stream', '--checkpoint=fast']
  args.push('--manifest-checksums=SHA256', '--no-password', '--dbname', target)
  await run(program, args, {
    env: { ...process.env, ...(password !== undefined && { PGPASSWORD: password }) },
  }).catch((error: unknown) => {
    const { stderr = '', message } = error as Error & { stderr?: string }
    throw new Error(stderr.trim().split('\n').at(-1) || message, { cause: error })
  })
}

const findPgBaseBackup = async (major: number): Promise<string | undefined> => {
  const debian = `/usr/lib/postgresql/${major}/bin/pg_basebackup`
  for (const program of [debian, findProgram('pg_basebackup')]) {
    if (program !== undefined && ((await majorOf(program)) ?? 0) >= major) return program
  }
  return undefined
}

/** Arguments can be read by every user of the machine, the environment by this one. */
const withoutPassword = (url: string) => {
  const target = new URL(url)
  const password = target.password === '' ? undefined : decodeURIComponent(target.password)
  target.password = ''
  return { target: target.href, password }
}
