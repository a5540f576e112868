// The scripts of package.json as chapters of the docs, and what each of our programs says of itself.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { repository } from '../paths.ts'

export type NpmScript = {
  readonly name: string
  /** As it is typed: `npm run seed`. */
  readonly typed: string
  /** Its program, which answers `--help`; undefined: a tool's, or another script. */
  readonly file: string | undefined
}

const { scripts } = JSON.parse(readFileSync(new URL('package.json', repository), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>
}

export const npmScripts: readonly NpmScript[] = Object.entries(scripts).map(([name, command]) => {
  const file = /^(?:exec )?node .*?(\S+\.ts)$/.exec(command)?.[1]
  return {
    name,
    typed: name === 'start' || name === 'test' ? `npm ${name}` : `npm run ${name}`,
    file,
  }
})

const run = promisify(execFile)
/** Each takes a second of a processor. */
const atOnce = 2

/** By the name of the script. */
export const askForHelp = async (): Promise<ReadonlyMap<string, string>> => {
  const waiting = npmScripts.filter(({ file }) => file !== undefined)
  const helps = new Map<string, string>()
  const next = async (): Promise<void> => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      const args = ['--import', 'tsx', one.file ?? '', '--help']
      const { stdout } = await run(process.execPath, args, { cwd: fileURLToPath(repository) })
      helps.set(one.name, stdout.trimEnd())
    }
  }
  await Promise.all(Array.from({ length: atOnce }, next))
  return helps
}
