// The command line of npm run bench:compare.

import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { repository } from '../../scripts/paths.ts'
import { pairsMin } from '../analysis/statistics.ts'
import { wholeNumber } from '../arguments.ts'
import { readOneLoad, type OneLoad } from '../rounds.ts'
import { engines, resolveSide, type Side } from './sides.ts'

export type CompareOptions = {
  readonly a: Side
  readonly b: Side
  readonly scenario: OneLoad
  readonly rounds: number
  readonly jsonFile: string | undefined
}

export const compareUsage = `npm run bench:compare -- A B [options]
Measures A and B in turn (A B, B A, …) and says by how much they differ, and how sure that is.
A and B are each
  ${engines.join(' or ')}            an engine, run from this checkout
  main, v1.2, 4be0c7d    a branch, tag or commit, run with the scenario's engine
  http://host:8080       something that runs already, of which no CPU is known
options
  --scenario NAME        instead of keepalive; of one load
  --rounds N             instead of 7; ${pairsMin} at least
  --seconds N            of each measurement, instead of 5
  --json FILE            every sample and what was judged`

export const parseCompareOptions = async (
  args: readonly string[],
  directory = fileURLToPath(repository),
): Promise<CompareOptions> => {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...{ scenario: text, rounds: text, seconds: text, json: text } },
  })
  const [a, b, ...more] = positionals
  if (a === undefined || b === undefined || more.length > 0) {
    throw new Error(`two things to compare, not ${positionals.length}`)
  }
  const seconds = wholeNumber('--seconds', values.seconds ?? '5', 1, 3_600)
  return {
    scenario: readOneLoad(values.scenario ?? 'keepalive', seconds),
    rounds: wholeNumber('--rounds', values.rounds ?? '7', pairsMin, 1_000),
    jsonFile: values.json,
    a: await resolveSide(a, directory),
    b: await resolveSide(b, directory),
  }
}
