// What an operator does in a drill: runs a command of ours, and sees that what was written is archived.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { connectPostgres } from '../../../lib/drivers/postgres/client.ts'
import { readWalArchive } from '../../../lib/drivers/postgres/wal-archive.ts'
import { repository } from '../../../scripts/paths.ts'
import { eventually } from '../../eventually.ts'

export type RunCommand = (script: string, ...args: string[]) => Promise<void>

/** Prints what it runs. Rejects unless it ends with 0. */
export const commandsOf =
  (environment: Readonly<Record<string, string>>, say: (line: string) => void): RunCommand =>
  async (script, ...args) => {
    say(`$ npm run ${script}${args.length > 0 ? ` -- ${args.join(' ')}` : ''}`)
    const command = ['--import', 'tsx', fileURLToPath(new URL(`scripts/${script}.ts`, repository))]
    const child = spawn(process.execPath, [...command, ...args], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    const code = await new Promise((resolve) => child.once('exit', resolve))
    if (code !== 0) throw new Error(`npm run ${script} ended with ${String(code)}`)
  }

/** All that was written until now, as archive_timeout does each minute. Resolves with when that was. */
export const archiveNow = async (url: string): Promise<number> => {
  const sql = connectPostgres({ url, poolSize: 1 })
  const written = (await readWalArchive(sql))?.writtenTo ?? 0
  await sql`SELECT pg_switch_wal()`
  await eventually(
    () => readWalArchive(sql),
    (archive) => (archive?.archivedTo ?? 0) >= written,
  )
  const archivedMs = performance.now()
  await sql.end()
  return archivedMs
}

/** By the database's clock, in the form of --to. */
export const momentOf = async (url: string): Promise<string> => {
  const sql = connectPostgres({ url, poolSize: 1 })
  const [row] = await sql<{ moment: string }[]>`
    SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS moment`
  await sql.end()
  return row?.moment ?? ''
}

/** Where one database is, whatever it has of a partition. */
export const offsetsIn = async (url: string): Promise<ReadonlyMap<number, number>> => {
  const sql = connectPostgres({ url, poolSize: 1 })
  const rows = await sql<{ partition: number; next_offset: string }[]>`
    SELECT partition, next_offset FROM command_offsets WHERE log NOT LIKE '(%'`
  await sql.end()
  return new Map(rows.map((row) => [row.partition, Number(row.next_offset)]))
}

export const deleteTodos = async (url: string): Promise<void> => {
  const sql = connectPostgres({ url, poolSize: 1 })
  await sql`DELETE FROM todos`
  await sql.end()
}
