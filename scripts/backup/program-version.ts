// The version of a program of Postgres.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Undefined where there is no such program. */
export const majorOf = async (program: string): Promise<number | undefined> => {
  const { stdout } = await run(program, ['--version']).catch(() => ({ stdout: '' }))
  const [, major] = /\) (\d+)/.exec(stdout) ?? []
  return major === undefined ? undefined : Number(major)
}
