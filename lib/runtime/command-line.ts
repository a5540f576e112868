// The command line of every program. --help, -h and --version answer and do nothing else. What is not
// understood is one line that says what is taken, and exit code 2.

import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import { versionText } from './version.ts'

export const usageExitCode = 2

/** What is wrong with the arguments. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What to print instead of running; undefined when the program is to run. */
export const answerTo = (args: readonly string[], usage: string): string | undefined => {
  const end = args.indexOf('--')
  const options = end === -1 ? args : args.slice(0, end)
  if (options.includes('--help') || options.includes('-h')) return usage
  return options.includes('--version') ? versionText : undefined
}

/** What is wrong, and what is taken: the first line of the usage. */
export const wrongUsage = (message: string, usage: string): string =>
  `${message}; ${usage.split('\n')[0] ?? ''} (more: --help)`

/** Throws UsageError. */
export const parseOptions = <Options extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: Options,
  { allowPositionals = false }: { readonly allowPositionals?: boolean } = {},
) => {
  try {
    return parseArgs({ args: [...args], options, allowPositionals })
  } catch (error) {
    // What follows is about arguments that begin with a dash: none of ours do.
    throw new UsageError((error as Error).message.replace(/\. [\s\S]*$/, ''), { cause: error })
  }
}

/** For the top of a program: what `parse` makes of the arguments. Else it is answered, and exits. */
export const readArgumentsOrExit = <Parsed>(
  usage: string,
  parse: (args: readonly string[]) => Parsed,
): Parsed => {
  const args = process.argv.slice(2)
  const answer = answerTo(args, usage)
  if (answer !== undefined) {
    console.log(answer)
    process.exit(0)
  }
  try {
    return parse(args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(wrongUsage(error.message, usage))
    process.exit(usageExitCode)
  }
}

/** For a program that takes no arguments. */
export const takeNoArguments = (usage: string): void => {
  readArgumentsOrExit(usage, (args) => parseOptions(args, {}))
}
