// What the programs of this folder share: usage errors, Ctrl-C, exit codes, and a JSON
// file that says on what and how it was made.

import { writeFile } from 'node:fs/promises'
import { answerTo, usageExitCode, wrongUsage } from '../scripts/command-line.ts'
import { describeMachine } from './machine.ts'

export const exitCodes = {
  /** What was asked is answered. */
  judged: 0,
  failed: 1,
  usage: usageExitCode,
  /** It was measured, but too little of it can be trusted. */
  untrusted: 3,
  interrupted: 130,
} as const

export type Program<Options> = {
  readonly usage: string
  /** Throws what to put right. */
  readonly parse: (args: readonly string[]) => Options | Promise<Options>
  /** Resolves with the exit code. */
  readonly main: (options: Options, signal: AbortSignal) => Promise<number>
}

export const runProgram = async <Options>({ usage, parse, main }: Program<Options>) => {
  const args = process.argv.slice(2)
  const answer = answerTo(args, usage)
  if (answer !== undefined) return console.log(answer)
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // A second time: without waiting.
      if (interrupted.signal.aborted) process.exit(exitCodes.interrupted)
      interrupted.abort(new Error('interrupted: stopping what was started'))
    })
  }
  let options: Options
  try {
    options = await parse(args)
  } catch (error) {
    console.error(wrongUsage((error as Error).message.replace(/\. To specify[\s\S]*$/, ''), usage))
    process.exitCode = exitCodes.usage
    return
  }
  try {
    process.exitCode = await main(options, interrupted.signal)
  } catch (error) {
    const { signal } = interrupted
    console.error(((signal.aborted ? signal.reason : error) as Error).message)
    process.exitCode = signal.aborted ? exitCodes.interrupted : exitCodes.failed
  }
}

/** What to type to run this again, with what had been left to chance. */
export const commandOf = (script: string, chosen: Readonly<Record<string, string | number>>) => {
  const args = process.argv.slice(2)
  const missing = Object.entries(chosen).filter(
    ([name]) => !args.some((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`)),
  )
  const all = [...args, ...missing.flatMap(([name, value]) => [`--${name}`, String(value)])]
  const quoted = all.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg}'`))
  return `npm run ${script} -- ${quoted.join(' ')}`
}

export const writeJson = async (file: string | undefined, outcome: object): Promise<void> => {
  if (file === undefined) return
  const machine = describeMachine()
  await writeFile(file, `${JSON.stringify({ ...outcome, machine }, null, 2)}\n`)
}
