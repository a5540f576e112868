// The command line of the commands of this folder, and of bench/, which takes nothing else from lib.

export {
  answerTo,
  parseOptions,
  readArgumentsOrExit,
  takeNoArguments,
  usageExitCode,
  UsageError,
  wrongUsage,
} from '../lib/runtime/command-line.ts'
