// npm run bench:tune: sweeps settings in interleaved rounds, and says which differences are real and
// which value to use.

import { measureCell } from './cell.ts'
import { commandOf, exitCodes, runProgram, writeJson } from './command.ts'
import { runRounds, shuffledRounds, type Contestant } from './rounds.ts'
import type { Scenario } from './scenario.ts'
import { coresHere, processesOf, startTarget } from './target.ts'
import { judgeCandidates } from './tune/judge.ts'
import { parseTuneOptions, tuneUsage, type TuneOptions } from './tune/options.ts'
import { tuneReport } from './tune/report.ts'

const say = (line: string) => console.log(line)

const main = async (options: TuneOptions, signal: AbortSignal): Promise<number> => {
  const { candidates, scenario, rounds, seed } = options
  const [load] = scenario.loads
  const startedAt = new Date().toISOString()
  const leastMinutes =
    (candidates.length * rounds * (load.seconds + scenario.warmUpSeconds + 5)) / 60
  say(
    `scenario ${scenario.name}: ${candidates.length} candidates, ${rounds} rounds of ${load.seconds} s each in an order of its own (--seed ${seed}): about ${Math.ceil(leastMinutes)} minutes`,
  )
  const contestants = contestantsOf(options, signal)
  const measured = await runRounds(shuffledRounds(contestants, rounds, seed), { signal, say })
  if (measured.samples.length === 0) {
    throw new Error(`nothing could be measured: ${measured.leftOut[0]?.why ?? ''}`)
  }
  const judgement = judgeCandidates(candidates, measured, {
    wanted: options.metric,
    isOpenLoop: load.ratePerSecond !== null,
  })
  say(`\n${tuneReport(judgement, measured)}`)
  await writeJson(options.jsonFile, {
    kind: 'tune',
    command: commandOf('bench:tune', { seed }),
    startedAt,
    scenario,
    rounds,
    seed,
    judgement,
    ...measured,
  })
  return judgement.isTrusted ? exitCodes.judged : exitCodes.untrusted
}

/** All get the same generator: that of the candidate which leaves it the fewest cores. */
const contestantsOf = (
  { candidates, scenario }: TuneOptions,
  signal: AbortSignal,
): Contestant[] => {
  const scenarios = candidates.map(({ settings }): Scenario => ({
    ...scenario,
    settings: { ...scenario.settings, ...settings },
  }))
  const processesMax = Math.max(...scenarios.map(processesOf))
  const generatorThreads = scenario.generatorThreads ?? Math.max(1, coresHere - processesMax)
  return candidates.map(({ name }, index) => ({
    name,
    async measure() {
      const own = { ...(scenarios[index] ?? scenario), generatorThreads }
      const target = await startTarget(own, { signal, say })
      try {
        return await measureCell(target, own, scenario.loads[0], { signal })
      } finally {
        await target.stop()
      }
    },
  }))
}

await runProgram({ usage: tuneUsage, parse: parseTuneOptions, main })
