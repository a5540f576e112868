// npm test [lanes, files or folders]: these tests, or all of them with types, lint and format. What is
// not on this machine is skipped and named; with CI=true nothing is. Ends with the ten slowest files.

import '../lib/runtime/node-version.ts' // first: it refuses a Node that is too old
import { rm } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseOptions, readArgumentsOrExit, UsageError } from '../scripts/command-line.ts'
import { repository } from '../scripts/paths.ts'
import { makeTemporaryDirectory } from '../scripts/stack/temporary-directory.ts'
import { bundlePackages } from './bundled-packages.ts'
import { isNeverRetried, isTest, laneOf, listTests, isBackground } from './lanes.ts'
import { skipsOf, slowest, whyItFailed } from './report.ts'
import { killTree, runTest, runTool, type Result } from './run-node.ts'
import { startSharedServices } from './shared-services.ts'

type Job = { readonly isCheck: boolean; run(inBackground: boolean): Promise<Result> }
type Queues = { readonly foreground: Job[]; readonly background: Job[] }

const root = fileURLToPath(repository)
/** All share one Postgres and one broker. */
const jobsMax = 4
/**
 * One a core, and two at least. With one more, the brokers of three files starved on two cores, and a
 * write was not acknowledged within the 5 s that a test allows it. These wait half of the time: what
 * they leave of the cores goes to the background.
 */
const jobsAtOnce = Math.min(Math.max(availableParallelism(), 2), jobsMax)
/**
 * Where that much of the cores was idle for so long, one file more is run, at a low priority. At 0.6 a fifth
 * of a run's CPU was left unused.
 */
const spare = { coresMin: 0.35, lookEveryMs: 2_000 }
/** More failures than these have one cause, and that is not what ran beside them. */
const suspectsMax = 3

const check = (tool: string, ...args: string[]): Job => {
  return { isCheck: true, run: (inBackground) => runTool(tool, args, inBackground) }
}
const checks: readonly Job[] = [
  // The compiler's errors are among its own.
  check('oxlint'),
  check(
    'svelte-check',
    ...'--tsconfig ./tsconfig.json --workspace web --fail-on-warnings'.split(' '),
  ),
  check('eslint', '.'),
  check('oxfmt', '--check'),
]

const main = async (args: readonly string[]): Promise<boolean> => {
  const files = args.length === 0 ? listTests(root) : testsAt(args)
  const sharesServices =
    process.env['SHARED_SERVICES'] !== 'false' && files.some((file) => laneOf(file) !== 'unit')
  // They start while the checks run. Whoever waits for them gets the reason when they did not.
  const services = sharesServices ? startSharedServices() : undefined
  services?.catch(() => {})
  const directory = await makeTemporaryDirectory()
  // Made while they start.
  const bundles = sharesServices ? bundlePackages(directory) : undefined
  bundles?.catch(() => {})
  const env = { ...process.env, ...withKeptModules(directory) }
  try {
    const run = async (file: string, inBackground = false) => {
      await bundles
      return runTest(file, { ...env, ...(await services)?.env }, { inBackground })
    }
    return await runAndReport(args.length === 0 ? checks : [], files, run)
  } finally {
    await (await services)?.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

/**
 * For whatever Node a test starts: what one has stripped of its types, found and compiled, the others read
 * from `directory`, and packages as bundles. Loading a server takes 0.19 s of CPU in place of 0.40.
 */
const withKeptModules = (directory: string): NodeJS.ProcessEnv => {
  const required = ['quick-start.cjs', 'light-domains.cjs'].map((name) => {
    const path = fileURLToPath(new URL(name, import.meta.url))
    return `--require=${JSON.stringify(path)}`
  })
  return {
    NODE_OPTIONS: [process.env['NODE_OPTIONS'] ?? '', ...required].join(' ').trim(),
    QUICK_START_DIRECTORY: directory,
    NODE_COMPILE_CACHE: join(directory, 'compiled'),
  }
}

const runAndReport = async (
  checks: readonly Job[],
  files: readonly string[],
  run: (file: string, inBackground?: boolean) => Promise<Result>,
): Promise<boolean> => {
  const startedAt = performance.now()
  const jobOf = (file: string): Job => {
    return { isCheck: false, run: (inBackground) => run(file, inBackground) }
  }
  const results = await runAll({
    foreground: files.filter((file) => !isBackground(file)).map(jobOf),
    background: [...checks, ...files.filter(isBackground).map(jobOf)],
  })
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

/**
 * Each queue in order: the foreground's so many at once, and one of the background's, at a low priority.
 * Whoever finds its own queue empty takes from the other. After a check has failed, nothing more is
 * started.
 */
const runAll = async ({ foreground, background }: Queues): Promise<readonly Result[]> => {
  const results: Result[] = []
  const take = (inBackground: boolean): Job | undefined =>
    inBackground
      ? (background.shift() ?? foreground.pop())
      : (foreground.shift() ?? background.shift())
  /** False where nothing was left to run. */
  const runNext = async (inBackground: boolean): Promise<boolean> => {
    const job = take(inBackground)
    if (!job) return false
    const result = await job.run(inBackground)
    results.push(result)
    const { name, isPassed, seconds } = result
    console.log(`${isPassed ? 'passed' : 'FAILED'} ${name} ${seconds.toFixed(1)} s`)
    if (job.isCheck && !isPassed) foreground.length = background.length = 0
    return true
  }
  const runThemAll = async (inBackground: boolean) => {
    while (await runNext(inBackground));
  }
  const runWhatIsSpare = async () => {
    while (foreground.length + background.length > 0) {
      if ((await spareCores()) > spare.coresMin) await runNext(true)
    }
  }
  const runners = Array.from({ length: jobsAtOnce }, () => runThemAll(false))
  await Promise.all([...runners, runThemAll(true), runWhatIsSpare()])
  return results
}

/** How many cores did nothing, on average, while it waited. None where we may not have all of them. */
const spareCores = async (): Promise<number> => {
  const [before, startedAt] = [idleMs(), performance.now()]
  await delay(spare.lookEveryMs)
  const isOurs = cpus().length === availableParallelism()
  return isOurs ? (idleMs() - before) / (performance.now() - startedAt) : 0
}
const idleMs = (): number => cpus().reduce((sum, { times }) => sum + times.idle, 0)

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
    if (files.length === 0) throw new UsageError(`there is no lane and no test ${arg}`)
    return files
  })
  return all.filter((file) => chosen.some((files) => files.includes(file)))
}

const usage = `usage: npm test [-- LANE, FILE or FOLDER …]
Runs those tests, or all of them with types, lint and format. Lanes: unit, integration, system, bench.
TAP_TIMEOUT=SECONDS a file has (300), SEED=N repeats random tests, CI=true fails where a service is missing.
SHARED_SERVICES=false: each file starts the services that it needs itself, as where it is run alone.
Exit codes: 0 all passed, 1 a test failed, 2 wrong usage.`

const wanted = readArgumentsOrExit(usage, (args) => {
  const { positionals } = parseOptions(args, {}, { allowPositionals: true })
  testsAt(positionals)
  return positionals
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => killTree(process.pid))
process.exitCode = (await main(wanted)) ? 0 : 1
