// npm test [lanes, files or folders]: these tests, or all of them with types, lint and format. What is
// not on this machine is skipped and named; with CI=true nothing is. Ends with the ten slowest files.

import '../lib/runtime/node-version.ts' // first: it refuses a Node that is too old
import { availableParallelism } from 'node:os'
import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { repository } from '../scripts/paths.ts'
import { isNeverRetried, isTest, laneOf, listTests } from './lanes.ts'
import { skipsOf, slowest, whyItFailed } from './report.ts'
import { killTree, runTest, runTool, type Result } from './run-node.ts'
import { startSharedServices } from './shared-services.ts'

type Job = { readonly isCheck: boolean; run(): Promise<Result> }

const root = fileURLToPath(repository)
/** All share one Postgres and one broker. */
const jobsMax = 4
/**
 * One a core, and two at least. With one more, the brokers of three files starved on two cores, and a
 * write was not acknowledged within the 5 s that a test allows it.
 */
const jobsAtOnce = Math.min(Math.max(availableParallelism(), 2), jobsMax)
/** More failures than these have one cause, and that is not what ran beside them. */
const suspectsMax = 3

const checks: readonly Job[] = [
  { isCheck: true, run: () => runTool('eslint', ['.']) },
  { isCheck: true, run: () => runTool('tsc', []) },
  { isCheck: true, run: () => runTool('prettier', ['--check', '.']) },
]

const main = async (args: readonly string[]): Promise<boolean> => {
  const files = args.length === 0 ? listTests(root) : testsAt(args)
  const needsServices = files.some((file) => laneOf(file) !== 'unit')
  // They start while the checks run. Whoever waits for them gets the reason when they did not.
  const services = needsServices ? startSharedServices() : undefined
  services?.catch(() => {})
  try {
    const run = async (file: string) => runTest(file, { ...process.env, ...(await services)?.env })
    return await runAndReport(args.length === 0 ? checks : [], files, run)
  } finally {
    await (await services)?.stop()
  }
}

const runAndReport = async (
  checks: readonly Job[],
  files: readonly string[],
  run: (file: string) => Promise<Result>,
): Promise<boolean> => {
  const startedAt = performance.now()
  const tests = files.map((file) => ({ isCheck: false, run: () => run(file) }))
  const results = await runAll([...checks, ...tests])
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0)
  console.log(`\nThe slowest, of ${results.length} in ${seconds} s:\n${slowest(results)}`)
  const reasons = new Set(results.flatMap(({ output }) => skipsOf(output)))
  for (const reason of reasons) console.log(`skipped: ${reason}`)
  const failed = results.filter(({ isPassed }) => !isPassed)
  printFailures(failed)
  if (failed.length === 0) return true

  const suspects = failed.map(({ name }) => name)
  const isSteady = (name: string) => !isTest(name) || isNeverRetried(name)
  if (suspects.length > suspectsMax || suspects.some(isSteady)) return false
  console.log(`\nonce more, alone: ${suspects.join(', ')}`)
  for (const name of suspects) {
    const again = await run(name)
    printFailures(again.isPassed ? [] : [again])
    if (!again.isPassed) return false
  }
  console.log(`\nUNSTEADY, passed only when alone: ${suspects.join(', ')}`)
  return true
}

/** In order, so many at once. After a check has failed, nothing more is started. */
const runAll = async (jobs: readonly Job[]): Promise<readonly Result[]> => {
  const waiting = [...jobs]
  const results: Result[] = []
  const runNext = async (): Promise<void> => {
    const job = waiting.shift()
    if (!job) return
    const result = await job.run()
    results.push(result)
    const { name, isPassed, seconds } = result
    console.log(`${isPassed ? 'passed' : 'FAILED'} ${name} ${seconds.toFixed(1)} s`)
    if (job.isCheck && !isPassed) waiting.length = 0
    return runNext()
  }
  await Promise.all(Array.from({ length: jobsAtOnce }, runNext))
  return results
}

const printFailures = (failed: readonly Result[]): void => {
  for (const { name, output } of failed) console.log(`\nFAILED ${name}\n${whyItFailed(output)}`)
}

/** `args`: lanes, files and folders. */
const testsAt = (args: readonly string[]): readonly string[] => {
  const all = listTests(root)
  const chosen = args.map((arg) => {
    const path = relative(root, resolve(arg))
    const files = all.filter(
      (file) => laneOf(file) === arg || file === path || file.startsWith(`${path}/`),
    )
    if (files.length === 0) throw new Error(`there is no lane and no test ${arg}`)
    return files
  })
  return all.filter((file) => chosen.some((files) => files.includes(file)))
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => killTree(process.pid))
process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1
