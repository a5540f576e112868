// The command line of npm run bench:writes. What is not understood is refused, with what would be.

import { parseArgs } from 'node:util'
import { oneOf, wholeNumber } from '../arguments.ts'
import { peers, type Peer } from './system.ts'

export type Options = {
  readonly connections: number
  readonly warmUpSeconds: number
  readonly seconds: number
  readonly perSecond: number
  readonly openSeconds: number
  readonly rounds: number
  readonly peer: Peer | undefined
  readonly jsonFile: string | undefined
}

export const usage = `usage: npm run bench:writes -- [--quick] [--peer reference] [--rounds N] [--json FILE] [options]
  --quick            short windows and warm-up, under a minute in all
  --connections N    clients that write one after the other (200)
  --seconds N        measured (15), after a warm-up of 40
  --rate N           writes a second of the open loop, which is timed and watched (1000)
  --open-seconds N   of the open loop (half of --seconds, 3 at least)
  --rounds N         so many times, in turns with the peer; medians are shown (1)
  --peer reference   a Go server that says 202 first; left out where there is no Go
  --json FILE        the result as JSON
Settings of server and worker are taken from the environment; unless they are there:
  HTTP_ENGINE=uws, HTTP_PROCESSES half of the cores, KAFKA_PARTITIONS one per core (6 at most)
Memory over ten minutes: --seconds 5 --rate 20000 --open-seconds 600
Exit codes: 0 measured, 1 INVALID or failed, 2 wrong usage, 130 interrupted.`

const numberMax = 999_999
/**
 * The broker's compiler takes up to 80% of its CPU, until 45 s after its start: with 3 s of warm-up the
 * broker cost 10 us a command, and that was said of it as if it went on.
 */
const warmUpSeconds = 40
const quickWarmUpSeconds = 3

export const parseOptions = (args: readonly string[]): Options => {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean' },
      connections: text,
      seconds: text,
      rate: text,
      'open-seconds': text,
      rounds: text,
      peer: text,
      json: text,
    },
  })
  const number = (name: 'connections' | 'seconds' | 'rate' | 'open-seconds', usual: number) =>
    wholeNumber(`--${name}`, values[name] ?? String(usual), 1, numberMax)
  const seconds = number('seconds', values.quick ? 6 : 15)
  return {
    connections: number('connections', 200),
    warmUpSeconds: values.quick ? quickWarmUpSeconds : warmUpSeconds,
    seconds,
    perSecond: number('rate', 1_000),
    openSeconds: number('open-seconds', Math.max(3, Math.round(seconds / 2))),
    rounds: wholeNumber('--rounds', values.rounds ?? '1', 1, 100),
    peer: values.peer === undefined ? undefined : oneOf('--peer', values.peer, peers),
    jsonFile: values.json,
  }
}
