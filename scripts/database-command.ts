// What a command that works on the database does around its work: it answers --help and --version, asks
// before it writes, opens the database and closes it, and turns an error into a line and an exit code.

import { openDatabases, type Databases } from '../lib/drivers/postgres/databases.ts'
import { postgresUrls } from '../lib/drivers/postgres/urls.ts'
import { readConfigOrExit, type Config } from '../lib/runtime/config/config.ts'
import type { Target } from '../lib/runtime/config/targets.ts'
import { answerTo, usageExitCode } from './command-line.ts'
import { confirmTargets, refusalOf } from './confirm.ts'

export type Write = (line: string) => void
export type Output = {
  readonly out: Write
  readonly err: Write
  /** Throws NotConfirmed. A caller that chose the settings itself has none. */
  readonly confirm?: (config: Config, isConfirmed: boolean) => Promise<void>
}

type DatabaseCommand<Request> = {
  readonly usage: string
  /** Throws UsageError. A request that has `isConfirmed` writes. */
  readonly parse: (args: readonly string[]) => Request
  /** Returns the exit code. */
  readonly run: (request: Request, config: Config, databases: Databases) => Promise<number>
  /** The line for an error of `run`, or of opening the database. */
  readonly explain: (error: Error) => string
}

/** Returns the exit code. */
export const runOnDatabase = async <Request extends object>(
  { usage, parse, run, explain }: DatabaseCommand<Request>,
  args: readonly string[],
  readSettings: () => Config,
  { out, err, confirm }: Output,
): Promise<number> => {
  let databases: Databases | undefined
  try {
    const answer = answerTo(args, usage)
    if (answer !== undefined) {
      out(answer)
      return 0
    }
    const request = parse(args)
    const config = readSettings()
    if ('isConfirmed' in request) await confirm?.(config, request.isConfirmed === true)
    databases = openDatabases(postgresUrls(config))
    return await run(request, config, databases)
  } catch (error) {
    const refusal = refusalOf(error, usage)
    err(refusal ?? explain(error as Error))
    return refusal === undefined ? 1 : usageExitCode
  } finally {
    await databases?.close()
  }
}

/** As npm runs it, when `file` is what was started. `targets`: what a request that writes is about to write to. */
export const runIfStarted = async (
  file: string,
  command: (args: readonly string[], readSettings: () => Config, output: Output) => Promise<number>,
  targets: (config: Config, env: NodeJS.ProcessEnv) => readonly (Target | undefined)[],
): Promise<void> => {
  if (process.argv[1] !== file) return
  process.exitCode = await command(process.argv.slice(2), () => readConfigOrExit('script'), {
    out: (line) => console.log(line),
    err: (line) => console.error(line),
    confirm: (config, isConfirmed) => confirmTargets(targets(config, process.env), isConfirmed),
  })
}
