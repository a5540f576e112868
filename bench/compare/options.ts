// The command line of npm run bench:compare.

import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { repository } from '../../scripts/paths.ts'
import { pairsMin } from '../analysis/statistics.ts'
import { pidsIn, wholeNumber } from '../arguments.ts'
import { readOneLoad, type OneLoad } from '../rounds.ts'
import { engines, resolveSide, type Side } from './sides.ts'

export type CompareOptions = {
  readonly a: Side
  readonly b: Side
  /** Processes of a URL's server, beside the owner of its port. */
  readonly pidsA: readonly number[]
  readonly pidsB: readonly number[]
  readonly scenario: OneLoad
  readonly rounds: number
  readonly jsonFile: string | undefined
}

export const compareUsage = `usage: npm run bench:compare -- A B [--scenario NAME] [--rounds N] [--seconds N] [options]
Measures A and B in turn (A B, B A, …) and says by how much they differ, and how sure that is.
A and B are each
  ${engines.join(' or ')}            an engine, run from this checkout
  main, v1.2, 4be0c7d    a branch, tag or commit, run with the scenario's engine
  http://host:8080       something that runs already; on this machine, the owner of the
                         port is whose CPU is counted
options
  --scenario NAME        instead of keepalive; of one load
  --rounds N             instead of 7; ${pairsMin} at least
  --seconds N            of each measurement, instead of 5
  --pid-a N, --pid-b N   a process that is part of what runs at the URL A or B, with its
                         children; again for more
  --json FILE            every sample and what was judged`

export const parseCompareOptions = async (
  args: readonly string[],
  directory = fileURLToPath(repository),
): Promise<CompareOptions> => {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      scenario: text,
      rounds: text,
      seconds: text,
      json: text,
      'pid-a': { ...text, multiple: true },
      'pid-b': { ...text, multiple: true },
    },
  })
  const [a, b, ...more] = positionals
  if (a === undefined || b === undefined || more.length > 0) {
    throw new Error(`two things to compare, not ${positionals.length}`)
  }
  const seconds = wholeNumber('--seconds', values.seconds ?? '5', 1, 3_600)
  const sides = { a: await resolveSide(a, directory), b: await resolveSide(b, directory) }
  const pidsOf = (name: 'a' | 'b') => {
    const texts = values[`pid-${name}`] ?? []
    if (texts.length > 0 && sides[name].kind !== 'url') {
      throw new Error(`--pid-${name} names processes of what runs at a URL`)
    }
    return pidsIn(`--pid-${name}`, texts)
  }
  return {
    scenario: readOneLoad(values.scenario ?? 'keepalive', seconds),
    rounds: wholeNumber('--rounds', values.rounds ?? '7', pairsMin, 1_000),
    jsonFile: values.json,
    ...sides,
    pidsA: pidsOf('a'),
    pidsB: pidsOf('b'),
  }
}
