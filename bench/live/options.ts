// The command line of npm run bench:live. What is not understood is refused, with what would be.

import { parseArgs } from 'node:util'
import { oneOf, wholeNumber } from '../arguments.ts'

export type Options = {
  readonly engine: 'uws' | 'node'
  readonly services: 'embedded' | 'real'
  readonly clients: number
  readonly subscribers: number
  readonly perSecond: number
  readonly seconds: number
  readonly rounds: number
  readonly peer: 'centrifugo' | undefined
  readonly jsonFile: string | undefined
}

export const usage = `usage: npm run bench:live -- [--quick] [--engine uws|node] [--peer centrifugo] [options]
  --quick              some seconds: 100 clients, 50 of them sent to, no Kafka and no Redis
  --engine NAME        uws or node (uws)
  --clients N          WebSockets that are subscribed, for the memory of one (10000)
  --subscribers N      of these, those that events are sent to (1000)
  --rate N             events a second (100)
  --seconds N          measured (10), after a warm-up of a quarter of that
  --rounds N           so many times, in turns with the peer; medians are shown (3; 1 with --quick)
  --services NAME      real: Kafka and Redis; embedded: Postgres alone (real)
  --peer centrifugo    built by Go; left out where there is no Go
  --json FILE          the result as JSON
Each client needs a file: ulimit -n 20000 is enough for 10,000.
Exit codes: 0 measured, 1 INVALID or failed, 2 wrong usage, 130 interrupted.`

const clientsMax = 100_000
/** Numbers of events have six digits. */
const rateMax = 10_000
const secondsMax = 60

export const parseOptions = (args: readonly string[]): Options => {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean' },
      engine: text,
      services: text,
      clients: text,
      subscribers: text,
      rate: text,
      seconds: text,
      rounds: text,
      peer: text,
      json: text,
    },
  })
  const { quick } = values
  const number = (
    name: 'clients' | 'subscribers' | 'rate' | 'seconds',
    usual: number,
    max: number,
  ) => wholeNumber(`--${name}`, values[name] ?? String(usual), 1, max)
  const clients = number('clients', quick ? 100 : 10_000, clientsMax)
  return {
    engine: oneOf('--engine', values.engine ?? 'uws', ['uws', 'node'] as const),
    services: oneOf('--services', values.services ?? (quick ? 'embedded' : 'real'), [
      'embedded',
      'real',
    ] as const),
    clients,
    subscribers: number('subscribers', Math.min(clients, quick ? 50 : 1_000), clients),
    perSecond: number('rate', 100, rateMax),
    seconds: number('seconds', quick ? 1 : 10, secondsMax),
    rounds: wholeNumber('--rounds', values.rounds ?? (quick ? '1' : '3'), 1, 100),
    peer:
      values.peer === undefined ? undefined : oneOf('--peer', values.peer, ['centrifugo'] as const),
    jsonFile: values.json,
  }
}
