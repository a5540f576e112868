// The command line of npm run bench:engines. What is not understood is refused, with what would be.

import { parseArgs } from 'node:util'
import { listOf, oneOf, wholeNumber } from '../arguments.ts'
import type { Generator } from './generator.ts'
import type { Cell } from './measure.ts'
import { names, plainNames, type Name } from './subjects.ts'
import { limits } from './todos.ts'

export type Options = {
  readonly only: readonly Name[]
  readonly rounds: number
  readonly windowMs: number
  readonly cells: readonly Cell[]
  readonly generator: Generator['name'] | undefined
  readonly jsonFile: string | undefined
  readonly scrapeMs: number | undefined
}

const generators = ['wrk', 'autocannon'] as const

export const usage = `usage: npm run bench:engines -- [--quick] [--only NAME,…] [--rounds N] [options]
  --quick            two short rounds, under 3 minutes in all
  --only a,b         of ${names.join(', ')};
                     all but those with TLS, unless it is given
  --json FILE        the rows as JSON
  --rounds N         instead of 5
  --window MS        measured at a time, instead of 3000
  --depths 1,16,80   requests in flight on a connection
  --limits 10,1000   todos in a list
  --scrape MS        scrapes our metrics this often meanwhile
  --generator NAME   ${generators.join(' or ')}; otherwise wrk where it is installed`

const full = { rounds: 5, windowMs: 3_000 }
const quick = { rounds: 2, windowMs: 1_000 }
const depthsDefault = '1,16,80'
const windowMsMax = 60_000
const windowMsMin = 200 // CPU time is counted in steps of 10 ms

export const parseOptions = (args: readonly string[]): Options => {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean' },
      only: text,
      json: text,
      rounds: text,
      window: text,
      depths: text,
      limits: text,
      generator: text,
      scrape: text,
    },
  })
  const base = values.quick ? quick : full
  const depths = listOf('--depths', values.depths ?? depthsDefault, (item) =>
    wholeNumber('--depths', item, 1, 1_000),
  )
  const chosen = listOf('--limits', values.limits ?? limits.join(), (item) =>
    oneOf('--limits', Number(item), limits),
  )
  return {
    only: listOf('--only', values.only ?? plainNames.join(), (item) =>
      oneOf('--only', item, names),
    ),
    rounds: wholeNumber('--rounds', values.rounds ?? `${base.rounds}`, 1, 1_000),
    windowMs: wholeNumber(
      '--window',
      values.window ?? `${base.windowMs}`,
      windowMsMin,
      windowMsMax,
    ),
    cells: chosen.flatMap((limit) => depths.map((depth) => ({ depth, limit }))),
    generator:
      values.generator === undefined
        ? undefined
        : oneOf('--generator', values.generator, generators),
    jsonFile: values.json,
    scrapeMs:
      values.scrape === undefined
        ? undefined
        : wholeNumber('--scrape', values.scrape, 100, windowMsMax),
  }
}
