// The archive of a Postgres that we start: the settings that fill it, and the command that reads it.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assertReachable, type Owner } from './postgres-binaries.ts'

/** A segment that is not full is archived after so long: what a lost disk costs, at most. */
const archiveTimeoutSec = 60

export const archiveProgram = fileURLToPath(new URL('archive-wal.sh', import.meta.url))

/** Throws when `owner`, as whom Postgres runs, can't use it. */
export const archiveSettings = async (archive: string, owner: Owner | undefined) => {
  if (owner !== undefined) {
    await assertReachable(archive, owner)
    await assertReachable(archiveProgram, owner)
  }
  return {
    archive_mode: 'on',
    archive_command: `sh ${shellWord(archiveProgram)} %p %f ${shellWord(archive)}`,
    archive_timeout: archiveTimeoutSec,
  }
}

/** How the archive is read: a restore_command. It fails for what is not there, which ends a recovery. */
export const restoreCommand = (archive: string): string =>
  `gunzip -c ${shellWord(join(archive, '%f.gz'), '%f')} >%p`

/** What Postgres puts in for %f and %p it puts in anywhere, so a % of the path is written twice. */
const shellWord = (path: string, placeholder?: string): string => {
  const [before = '', after = ''] = placeholder === undefined ? [path] : path.split(placeholder)
  const text = [before, after].map((part) => part.replaceAll('%', '%%').replaceAll("'", `'\\''`))
  return `'${text.join(placeholder ?? '')}'`
}
