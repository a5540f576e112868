// The command line of npm run bench: a scenario, and what is to be otherwise than it says.

import { parseArgs } from 'node:util'
import { knownSettings } from '../scripts/stack/settings.ts'
import { pidsIn } from './arguments.ts'
import { parseScenario, readScenario, scenarioNames, type Scenario } from './scenario.ts'

export type Options = {
  readonly scenario: Scenario
  /** `http://host:port`: measured as it is, nothing is started. */
  readonly origin: string | null
  /** Processes of what runs at the origin, beside the owner of its port. */
  readonly pids: readonly number[]
  readonly jsonFile: string | null
  readonly htmlFile: string | null
}

export const usage =
  () => `usage: npm run bench -- [--scenario NAME] [--url URL] [--connections N] [--seconds N] [options]
  --scenario NAME      of ${scenarioNames().join(', ')}; or a .json file (quick)
  --url URL            measures what runs there: http://host:port/todos?limit=10
  --pid N              a process that is part of it, with its children; again for more
                       (known already: whoever listens on a port of this machine)
  --json FILE  --html FILE   where the result goes (.data/bench/)
instead of what the scenario says:
  -c, --connections N  -p, --pipelining N  -d, --seconds N  --warm-up N (s)
  --rate N             sent a second, in an open loop
  --generator NAME     autocannon, wrk, open-loop, auto      -t, --threads N  of the generator
  --engine NAME        node, uws                             --processes N    of the server
  --nginx MODE         none, l7, l4                          --services KIND  embedded, real, auto
  --writes N           todos written a second meanwhile      --todos N        in the database
  --set NAME=VALUE     any setting of server and worker, such as DB_POOL_SIZE=50; again for more
TOKEN in the environment is sent with writes to --url.
Exit codes: 0 valid, 1 failed, 2 usage, 3 measured, and INVALID.`

const text = { type: 'string' } as const
const optionTable = {
  scenario: text,
  url: text,
  json: text,
  html: text,
  rate: text,
  generator: text,
  engine: text,
  processes: text,
  nginx: text,
  services: text,
  writes: text,
  todos: text,
  'warm-up': text,
  connections: { ...text, short: 'c' },
  pipelining: { ...text, short: 'p' },
  seconds: { ...text, short: 'd' },
  threads: { ...text, short: 't' },
  set: { ...text, multiple: true },
  pid: { ...text, multiple: true },
} as const

/** Throws what is wrong with them. */
export const parseOptions = (
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Options => {
  const { values } = parseArgs({ args: [...args], options: optionTable })
  const base = readScenario(values.scenario ?? 'quick')
  const url = values.url === undefined ? null : parseUrl(values.url)
  const number = (name: string, value: string | undefined) => {
    if (value === undefined) return undefined
    if (!/^\d{1,9}$/.test(value)) throw new Error(`--${name}: a whole number, not "${value}"`)
    return Number(value)
  }
  const given = <T>(name: string, value: T | undefined) =>
    value === undefined ? {} : { [name]: value }
  const rate = number('rate', values.rate)
  const generator = values.generator ?? (rate === undefined ? base.generator : 'open-loop')
  const isOpen = generator === 'open-loop'
  const { name, ...fields } = base
  const scenario = parseScenario(name, {
    ...fields,
    ...given('path', url?.path),
    ...given('warmUpSeconds', number('warm-up', values['warm-up'])),
    generator,
    ...given('generatorThreads', number('threads', values.threads)),
    ...given('engine', values.engine),
    ...given('processes', number('processes', values.processes)),
    ...given('nginx', values.nginx),
    ...given('services', values.services),
    ...given('writesPerSecond', number('writes', values.writes)),
    ...given('todos', number('todos', values.todos)),
    settings: { ...base.settings, ...settingsOf(env), ...settingsIn(values.set ?? []) },
    loads: base.loads.map((load) => ({
      ...load,
      ...given('connections', number('connections', values.connections)),
      ...given('pipelining', number('pipelining', values.pipelining)),
      ...given('seconds', number('seconds', values.seconds)),
      ratePerSecond: isOpen ? (rate ?? load.ratePerSecond) : null,
    })),
  })
  if (values.pid && !url) throw new Error('--pid: names processes of what runs at --url')
  return {
    scenario,
    origin: url?.origin ?? null,
    pids: pidsIn('--pid', values.pid ?? []),
    jsonFile: values.json ?? null,
    htmlFile: values.html ?? null,
  }
}

const parseUrl = (value: string): { readonly origin: string; readonly path: string } => {
  const url = URL.canParse(value) ? new URL(value) : null
  if (url?.protocol !== 'http:') throw new Error(`--url: http://host:port/path, not "${value}"`)
  const path =
    url.pathname === '/' && url.search === '' ? '/todos?limit=10' : url.pathname + url.search
  return { origin: url.origin, path }
}

/** Where the target is started, these are its own. */
const ownSettings = ['HTTP_HOST', 'HTTP_PORT', 'DATABASE_URL', 'REDIS_URL', 'KAFKA_BROKERS']
const isSettable = (name: string): boolean => {
  const setting = knownSettings.get(name)
  return setting !== undefined && !setting.isSecret && !ownSettings.includes(name)
}

/** Those of the environment would be in force anyway: so they are said in the result. */
const settingsOf = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => isSettable(entry[0]) && Boolean(entry[1]),
    ),
  )

const settingsIn = (pairs: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    pairs.map((pair): [string, string] => {
      const [, name = '', value = ''] = /^(\w+)=(.+)$/.exec(pair) ?? []
      if (!isSettable(name)) throw new Error(`--set ${pair}: no setting that can be given here`)
      return [name, value]
    }),
  )
