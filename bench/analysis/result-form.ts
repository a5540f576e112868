// The members that a result of `npm run bench` must have to be judged again. A stored file may be cut,
// edited, or of another version.

import type { ScenarioLoad, Scenario } from '../scenario.ts'
import {
  resultFormat,
  type AutocannonOwn,
  type Cell,
  type Check,
  type Counts,
  type GeneratorState,
  type Latency,
  type Limit,
  type Load,
  type Machine,
  type Noise,
  type Result,
  type Samples,
  type Second,
  type TierUse,
  type Topology,
  type UslFit,
} from '../result.ts'
import {
  boolean,
  dictionary,
  list,
  members,
  number,
  oneOf,
  optional,
  orNull,
  pair,
  positive,
  string,
} from './form.ts'

const method = oneOf('GET', 'POST')
const engine = oneOf('node', 'uws')
const nginx = oneOf('none', 'l7', 'l4')

const scenario = members<Scenario>({
  name: string,
  description: string,
  method,
  path: string,
  loads: list(
    members<ScenarioLoad>({
      connections: positive,
      pipelining: positive,
      seconds: positive,
      ratePerSecond: orNull(positive),
    }),
  ),
  warmUpSeconds: number,
  generator: oneOf('auto', 'autocannon', 'wrk', 'open-loop'),
  generatorThreads: orNull(number),
  engine,
  processes: orNull(number),
  services: oneOf('auto', 'embedded', 'real'),
  nginx,
  writesPerSecond: number,
  todos: number,
  settings: dictionary(string),
})

const machine = members<Machine>({
  cpu: string,
  cores: positive,
  memoryGiB: number,
  kernel: string,
  platform: string,
  node: string,
  versions: dictionary(string),
})

const topology = members<Topology>({
  engine,
  processes: number,
  nginx,
  services: oneOf('embedded', 'real'),
  settings: dictionary(string),
})

const load = members<Load>({
  generator: oneOf('autocannon', 'wrk', 'open-loop'),
  method,
  url: string,
  connections: positive,
  pipelining: positive,
  ratePerSecond: orNull(positive),
  threads: positive,
})

const counts = members<Counts>({
  sent: number,
  completed: number,
  statuses: dictionary(number),
  bytes: number,
  closed: number,
  resets: number,
  lost: number,
  timeouts: number,
  dropped: number,
  completedInAll: number,
  handledInAll: orNull(number),
})

const latency = members<Latency>({
  from: oneOf('the sending of each request', 'the moment each request was due', 'a probe'),
  count: number,
  mean: number,
  p50: number,
  p90: number,
  p99: number,
  p999: number,
  max: number,
  histogram: list(pair(number)),
})

const second = members<Second>({
  atSeconds: number,
  goodPerSecond: number,
  p50: orNull(number),
  p99: orNull(number),
  cores: dictionary(number),
})

const tier = members<TierUse>({
  name: string,
  cores: number,
  coresMax: number,
  // Null where nothing was answered: JSON has no Infinity.
  demand: orNull(number) as typeof number,
})

const limit = members<Limit>({
  by: string,
  explanation: string,
  ceilingPerSecond: orNull(number) as typeof number,
  coresFor: list(
    members<Limit['coresFor'][number]>({ perSecond: number, cores: dictionary(number) }),
  ),
})

const check = members<Check>({
  name: string,
  verdict: oneOf('ok', 'warn', 'fail', 'unknown'),
  value: string,
  bound: string,
  meaning: string,
})

const cell = members<Cell>({
  load,
  seconds: positive,
  plannedSeconds: positive,
  counts,
  goodPerSecond: number,
  latency: orNull(latency),
  series: list(second),
  tiers: list(tier),
  limit: orNull(limit),
  generator: members<GeneratorState>({
    loopUtilization: orNull(number),
    loopLagP99Ms: orNull(number),
    cpuShare: number,
  }),
  noise: members<Noise>({
    steal: orNull(number),
    otherCores: orNull(number),
    uncounted: optional(orNull(string)),
    calibrationMs: pair(number),
  }),
  samples: members<Samples>({
    taken: number,
    wrong: number,
    complaint: orNull(string),
    bodies: number,
    matchesAtEnd: orNull(boolean),
  }),
  answerBytes: orNull(members<NonNullable<Cell['answerBytes']>>({ head: number, body: number })),
  autocannon: orNull(
    members<AutocannonOwn>({
      requestsAverage: number,
      requestsTotal: number,
      durationSeconds: number,
      samples: number,
      latencyAverageMs: number,
      errors: number,
      non2xx: number,
    }),
  ),
  checks: list(check),
})

const usl = members<UslFit>({
  gamma: number,
  alpha: number,
  beta: number,
  intervals: members<UslFit['intervals']>({
    gamma: pair(number),
    alpha: pair(number),
    beta: pair(number),
  }),
  points: list(
    members<UslFit['points'][number]>({ inFlight: number, measured: number, fitted: number }),
  ),
  peakInFlight: orNull(number),
  explanation: string,
})

export const resultForm = members<Result>({
  format: oneOf(resultFormat),
  verdict: oneOf('VALID', 'INVALID'),
  scenario,
  command: string,
  startedAt: string,
  machine,
  topology: orNull(topology),
  cells: list(cell),
  usl: orNull(usl),
})
