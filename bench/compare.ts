// npm run bench:compare: two engines, commits or URLs, measured in turn; the ratio and how sure it is.

import { fileURLToPath } from 'node:url'
import { repository } from '../scripts/paths.ts'
import { measureCell } from './cell.ts'
import { commandOf, exitCodes, runProgram, writeJson } from './command.ts'
import { checkOut } from './compare/checkout.ts'
import { compareSamples } from './compare/judge.ts'
import { compareUsage, parseCompareOptions, type CompareOptions } from './compare/options.ts'
import { compareReport } from './compare/report.ts'
import type { Side } from './compare/sides.ts'
import { abbaRounds, runRounds, type Contestant, type OneLoad } from './rounds.ts'
import type { Scenario } from './scenario.ts'
import { attachTarget, startTarget, type Target } from './target.ts'

const say = (line: string) => console.log(line)

const main = async (options: CompareOptions, signal: AbortSignal): Promise<number> => {
  const { scenario, rounds } = options
  const [load] = scenario.loads
  const isOpenLoop = load.ratePerSecond !== null
  const startedAt = new Date().toISOString()
  const titles = { A: options.a.title, B: options.b.title }
  const cleanUps: (() => Promise<void>)[] = []
  try {
    const run = { scenario, signal, cleanUps }
    const a = await contestantOf('A', options.a, options.pidsA, run)
    const b = await contestantOf('B', options.b, options.pidsB, run)
    say(`scenario ${scenario.name}: A and B in turn, ${rounds} rounds of ${load.seconds} s each`)
    const measured = await runRounds(abbaRounds(a, b, rounds), { signal, say })
    const [failed] = measured.leftOut
    if (failed) throw new Error(`${failed.name} could not be measured: ${failed.why}`)
    const comparison = compareSamples(measured.samples, isOpenLoop)
    say(`\n${compareReport(comparison, measured.samples, titles, isOpenLoop)}`)
    await writeJson(options.jsonFile, {
      kind: 'compare',
      command: commandOf('bench:compare', {}),
      startedAt,
      scenario,
      rounds,
      titles,
      comparison,
      samples: measured.samples,
    })
    return comparison.isTrusted ? exitCodes.judged : exitCodes.untrusted
  } finally {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp()
  }
}

type Run = {
  readonly scenario: OneLoad
  readonly signal: AbortSignal
  readonly cleanUps: (() => Promise<void>)[]
}

const contestantOf = async (
  name: string,
  side: Side,
  pids: readonly number[],
  run: Run,
): Promise<Contestant> => {
  const scenario = side.kind === 'engine' ? { ...run.scenario, engine: side.engine } : run.scenario
  const start = await starterOf(side, pids, scenario, run)
  return {
    name,
    async measure() {
      const target = await start()
      try {
        return await measureCell(target, scenario, scenario.loads[0], { signal: run.signal })
      } finally {
        await target.stop()
      }
    },
  }
}

/** A commit is checked out once, for all its rounds. */
const starterOf = async (
  side: Side,
  pids: readonly number[],
  scenario: Scenario,
  { signal, cleanUps }: Run,
): Promise<() => Promise<Target>> => {
  const context = { signal, say }
  switch (side.kind) {
    case 'engine':
      return () => startTarget(scenario, context)
    case 'url':
      return () => attachTarget(side.origin, pids)
    case 'commit': {
      const current = fileURLToPath(repository)
      const checkout = await checkOut(side.commit, { ...context, repository: current })
      cleanUps.push(() => checkout.remove())
      return () => startTarget(scenario, { ...context, source: checkout.directory })
    }
  }
}

await runProgram({ usage: compareUsage, parse: parseCompareOptions, main })
