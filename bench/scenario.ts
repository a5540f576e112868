// A scenario: one small JSON file of bench/scenarios/ that says what to start, what to send and for how
// long. Parsed here, once; what the command line overrides is laid over it before.

import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type Scenario = {
  readonly name: string
  readonly description: string
  readonly method: 'GET' | 'POST'
  /** `/todos?limit=10`; a POST makes a todo. */
  readonly path: string
  /** Measured one after the other, on the same servers. */
  readonly loads: readonly ScenarioLoad[]
  readonly warmUpSeconds: number
  /** `auto`: wrk where it is installed, else autocannon. */
  readonly generator: 'auto' | 'autocannon' | 'wrk' | 'open-loop'
  /** Null: half the cores, of those the generator leaves. */
  readonly generatorThreads: number | null
  readonly engine: 'node' | 'uws'
  /** Server processes; null: half of the cores. */
  readonly processes: number | null
  /**
   * `embedded`: Postgres alone; `real`: Redis, Kafka and a worker too; `auto`: real where Redis and Kafka
   * are on this machine. The result's topology says which it was.
   */
  readonly services: 'auto' | 'embedded' | 'real'
  readonly nginx: 'none' | 'l7' | 'l4'
  /** Todos written meanwhile, at this rate; 0 leaves the lists as they are. */
  readonly writesPerSecond: number
  /** Todos in the database before it starts. */
  readonly todos: number
  /** Settings of the server and the worker, by name. */
  readonly settings: Readonly<Record<string, string>>
}

export type ScenarioLoad = {
  readonly connections: number
  /** Requests in flight on one connection. */
  readonly pipelining: number
  readonly seconds: number
  /** Sent a second, by the open loop alone; null sends as fast as answers come. */
  readonly ratePerSecond: number | null
}

const directory = fileURLToPath(new URL('./scenarios/', import.meta.url))

export const scenarioNames = (): string[] =>
  readdirSync(directory)
    .filter((file) => file.endsWith('.json'))
    .map((file) => basename(file, '.json'))
    .sort()

/** `name`: of bench/scenarios/, or a path that ends in .json. Throws what to put right. */
export const readScenario = (name: string): Scenario => {
  const file = name.endsWith('.json') ? name : join(directory, `${name}.json`)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    throw new Error(`no scenario "${name}": there are ${scenarioNames().join(', ')}`)
  }
  try {
    return parseScenario(basename(file, '.json'), JSON.parse(text))
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`)
  }
}

const defaults = {
  method: 'GET',
  path: '/todos?limit=10',
  warmUpSeconds: 3,
  generator: 'auto',
  generatorThreads: null,
  engine: 'node',
  processes: null,
  services: 'embedded',
  nginx: 'none',
  writesPerSecond: 0,
  todos: 10_000,
  settings: {},
}

export const parseScenario = (name: string, json: unknown): Scenario => {
  const given = recordOf('a scenario', json)
  const known = [...Object.keys(defaults), 'description', 'loads']
  refuseOthers(given, known)
  const fields = { ...defaults, ...given } as Record<string, unknown>
  const loads = fields['loads']
  if (!Array.isArray(loads) || loads.length === 0) throw new Error('loads: a list of at least one')
  const scenario: Scenario = {
    name,
    description: textOf('description', fields['description']),
    method: oneOf('method', fields['method'], ['GET', 'POST']),
    path: textOf('path', fields['path']),
    loads: loads.map(parseLoad),
    warmUpSeconds: numberOf('warmUpSeconds', fields['warmUpSeconds'], 0, 600),
    generator: oneOf('generator', fields['generator'], ['auto', 'autocannon', 'wrk', 'open-loop']),
    generatorThreads: orNull(fields['generatorThreads'], (value) =>
      numberOf('generatorThreads', value, 1, 256),
    ),
    engine: oneOf('engine', fields['engine'], ['node', 'uws']),
    processes: orNull(fields['processes'], (value) => numberOf('processes', value, 1, 1_024)),
    services: oneOf('services', fields['services'], ['auto', 'embedded', 'real']),
    nginx: oneOf('nginx', fields['nginx'], ['none', 'l7', 'l4']),
    writesPerSecond: numberOf('writesPerSecond', fields['writesPerSecond'], 0, 100_000),
    todos: numberOf('todos', fields['todos'], 0, 10_000_000),
    settings: Object.fromEntries(
      Object.entries(recordOf('settings', fields['settings'])).map(([setting, value]) => [
        setting,
        textOf(`settings.${setting}`, value),
      ]),
    ),
  }
  const rates = scenario.loads.filter(({ ratePerSecond }) => ratePerSecond !== null)
  if (scenario.generator === 'open-loop' && rates.length < scenario.loads.length) {
    throw new Error('ratePerSecond: the open loop needs one for each load')
  }
  if (scenario.generator !== 'open-loop' && rates.length > 0) {
    throw new Error('ratePerSecond: only with "generator": "open-loop"')
  }
  return scenario
}

const parseLoad = (json: unknown): ScenarioLoad => {
  const given = recordOf('a load', json)
  refuseOthers(given, ['connections', 'pipelining', 'seconds', 'ratePerSecond'])
  return {
    connections: numberOf('connections', given['connections'], 1, 100_000),
    pipelining: numberOf('pipelining', given['pipelining'] ?? 1, 1, 1_000),
    seconds: numberOf('seconds', given['seconds'], 1, 86_400),
    ratePerSecond: orNull(given['ratePerSecond'] ?? null, (value) =>
      numberOf('ratePerSecond', value, 1, 10_000_000),
    ),
  }
}

const refuseOthers = (given: object, known: readonly string[]) => {
  const other = Object.keys(given).find((key) => !known.includes(key))
  if (other !== undefined) throw new Error(`${other}: not one of ${known.join(', ')}`)
}

const recordOf = (what: string, value: unknown): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`${what} is an object`)
  }
  return value as Record<string, unknown>
}

const textOf = (field: string, value: unknown): string => {
  if (typeof value !== 'string' || value === '') throw new Error(`${field}: a text`)
  return value
}

const numberOf = (field: string, value: unknown, min: number, max: number): number => {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new Error(`${field}: a whole number from ${min} to ${max}, not ${JSON.stringify(value)}`)
  }
  return value
}

const oneOf = <T extends string>(field: string, value: unknown, choices: readonly T[]): T => {
  const choice = choices.find((one) => one === value)
  if (choice === undefined) {
    throw new Error(`${field}: one of ${choices.join(', ')}, not ${JSON.stringify(value)}`)
  }
  return choice
}

const orNull = <T>(value: unknown, parse: (value: unknown) => T): T | null =>
  value === null ? null : parse(value)
