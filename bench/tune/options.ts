// The command line of npm run bench:tune.

import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { Metric } from '../analysis/figures.ts'
import { pairsMin } from '../analysis/statistics.ts'
import { oneOf, wholeNumber } from '../arguments.ts'
import { readOneLoad, type OneLoad } from '../rounds.ts'
import { parseCandidates, type Candidate } from './candidates.ts'

export type WantedMetric = Metric | 'auto'
const wantedMetrics = ['auto', 'goodput', 'cpu', 'p99'] as const satisfies readonly WantedMetric[]

export type TuneOptions = {
  readonly candidates: readonly Candidate[]
  readonly scenario: OneLoad
  readonly rounds: number
  readonly metric: WantedMetric
  readonly seed: number
  readonly jsonFile: string | undefined
}

export const tuneUsage = `usage: npm run bench:tune -- SETTING=VALUE,VALUE,… [--scenario NAME] [--rounds N] [options]
Measures every combination of the values in turn and says which differences are real.
  DB_POOL_SIZE=1,10,50   any setting of the server and the worker (docs/reference/settings.md has them)
  --scenario NAME        instead of mixed; of one load
  --rounds N             instead of 5; ${pairsMin} at least
  --seconds N            of each measurement, instead of 5
  --metric NAME          ${wantedMetrics.join(', ')}; auto is goodput, and cpu where the generator was full
  --seed N               repeats the order of an earlier run
  --json FILE            every sample and what was judged`

export const parseTuneOptions = (args: readonly string[]): TuneOptions => {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      scenario: text,
      rounds: text,
      seconds: text,
      metric: text,
      seed: text,
      json: text,
    },
  })
  const seconds = wholeNumber('--seconds', values.seconds ?? '5', 1, 3_600)
  const scenario = readOneLoad(values.scenario ?? 'mixed', seconds)
  return {
    candidates: parseCandidates(positionals, scenario),
    scenario,
    rounds: wholeNumber('--rounds', values.rounds ?? '5', pairsMin, 1_000),
    metric: oneOf('--metric', values.metric ?? 'auto', wantedMetrics),
    seed: values.seed === undefined ? randomInt(1e6) : wholeNumber('--seed', values.seed, 0, 2e9),
    jsonFile: values.json,
  }
}
