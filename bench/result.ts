// What a benchmark run leaves behind: the shape of its JSON file, which the report, the analysis and
// the comparison of runs read. Times are microseconds unless a name says otherwise.

import type { Scenario } from './scenario.ts'

export const resultFormat = 1

export type Result = {
  readonly format: typeof resultFormat
  readonly verdict: Verdict
  readonly scenario: Scenario
  /** What to type to run this again. */
  readonly command: string
  /** ISO 8601. */
  readonly startedAt: string
  readonly machine: Machine
  /** Null for a server that was already running (`--url`). */
  readonly topology: Topology | null
  /** One for each load of the scenario, in its order. */
  readonly cells: readonly Cell[]
  /** Over the cells, by requests in flight; null where there are too few of them. */
  readonly usl: UslFit | null
}

export type Verdict = 'VALID' | 'INVALID'

export type Machine = {
  /** The name of its processor. */
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly platform: string
  readonly node: string
  /** Versions of what took part: `postgres`, `nginx`, `autocannon`, … */
  readonly versions: Readonly<Record<string, string>>
}

export type Topology = {
  /** `HTTP_ENGINE` of the server. */
  readonly engine: 'node' | 'uws'
  readonly processes: number
  readonly nginx: 'none' | 'l7' | 'l4'
  /** `embedded`: Postgres alone; `real`: Redis, Kafka and a worker too. */
  readonly services: 'embedded' | 'real'
  /** What was set besides the defaults; no secrets. */
  readonly settings: Readonly<Record<string, string>>
}

/** One load, measured. */
export type Cell = {
  readonly load: Load
  /** Length of the measured window, without the lead-in. */
  readonly seconds: number
  readonly plannedSeconds: number
  readonly counts: Counts
  /** Correct answers a second (goodput): the headline. */
  readonly goodPerSecond: number
  /** Null where the generator has none to be trusted. */
  readonly latency: Latency | null
  readonly series: readonly Second[]
  /** Tiers in the order in which a request meets them; the generator among them. */
  readonly tiers: readonly TierUse[]
  readonly limit: Limit | null
  readonly generator: GeneratorState
  readonly noise: Noise
  readonly samples: Samples
  /** What one answer weighs on the wire, head and body, as captured before the run. */
  readonly answerBytes: { readonly head: number; readonly body: number } | null
  /** What autocannon said itself, to be held against what was counted here. */
  readonly autocannon: AutocannonOwn | null
  readonly checks: readonly Check[]
}

export type Load = {
  readonly generator: 'autocannon' | 'wrk' | 'open-loop'
  readonly method: 'GET' | 'POST'
  readonly url: string
  /** Open at once. */
  readonly connections: number
  /** Requests in flight on one connection. */
  readonly pipelining: number
  /** Null for a closed loop, which sends as fast as it is answered. */
  readonly ratePerSecond: number | null
  /** Threads of the generator. */
  readonly threads: number
}

/** Counts in the window; `lost`, `resets` and `closed` count in the whole run. */
export type Counts = {
  /** Requests. */
  readonly sent: number
  /** Requests with an answer, whatever its status. */
  readonly completed: number
  /** By HTTP status. */
  readonly statuses: Readonly<Record<string, number>>
  /** Of the answers, heads included. */
  readonly bytes: number
  /** Connections that the server closed while requests waited on them or between two. */
  readonly closed: number
  /** Connections that were reset. */
  readonly resets: number
  /** Requests that died with their connection. */
  readonly lost: number
  /** Requests that the generator gave up. */
  readonly timeouts: number
  /** Open loop only: due, and never sent before the end. */
  readonly dropped: number
  /** From the first request to the last answer, lead-in included. */
  readonly completedInAll: number
  /** The same as the server counted it; null where it can't be asked. */
  readonly handledInAll: number | null
}

export type Latency = {
  readonly from: 'the sending of each request' | 'the moment each request was due' | 'a probe'
  /** Requests that were timed. */
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  /** Pairs of a value and how many were no longer than it and longer than the one before. */
  readonly histogram: readonly (readonly [number, number])[]
}

/** One second (about) of the window. */
export type Second = {
  /** Since the window opened, at the end of this one. */
  readonly atSeconds: number
  readonly goodPerSecond: number
  readonly p50: number | null
  readonly p99: number | null
  /** Cores that each tier used. */
  readonly cores: Readonly<Record<string, number>>
}

export type TierUse = {
  readonly name: string
  /** Cores used, over the window. */
  readonly cores: number
  /** Cores it could have used at most: its processes or threads, or the machine's. */
  readonly coresMax: number
  /** CPU per good answer. */
  readonly demand: number
}

/** What limited the cell, from the service demands. */
export type Limit = {
  /** A tier that was full, `the machine`, or `neither`: the load did not ask for more. */
  readonly by: string
  readonly explanation: string
  /** Answers a second that this topology can carry at most on this machine. */
  readonly ceilingPerSecond: number
  /** Cores of each tier for so many answers a second. */
  readonly coresFor: readonly {
    readonly perSecond: number
    readonly cores: Readonly<Record<string, number>>
  }[]
}

export type GeneratorState = {
  /** Utilization of the busiest thread: 1 is a loop that never waited. Null for wrk. */
  readonly loopUtilization: number | null
  /** How late its loop ran a timer; null for wrk. */
  readonly loopLagP99Ms: number | null
  /** Share of the cores that its threads could use. */
  readonly cpuShare: number
}

export type Noise = {
  /** Share of the machine's CPU time that a hypervisor took; null where it is not reported. */
  readonly steal: number | null
  /** Cores that were busy with anything else. */
  readonly otherCores: number | null
  /** Why that can't be known of this target: its own CPU would be among it. */
  readonly uncounted?: string | null
  /** How long the same piece of work took before and after the window. */
  readonly calibrationMs: readonly [number, number]
}

/** Answers that were taken aside during the run and read. */
export type Samples = {
  /** Answers that were read. */
  readonly taken: number
  /** Of these, answers that were not what they must be. */
  readonly wrong: number
  /** What was wrong with the first such. */
  readonly complaint: string | null
  /** How many different ones; 1 for lists that nobody changes. */
  readonly bodies: number
  /** Whether the lists were those of the database at the end; null where it can't be known. */
  readonly matchesAtEnd: boolean | null
}

export type AutocannonOwn = {
  readonly requestsAverage: number
  readonly requestsTotal: number
  readonly durationSeconds: number
  readonly samples: number
  readonly latencyAverageMs: number
  readonly errors: number
  readonly non2xx: number
}

export type Check = {
  readonly name: string
  /** `unknown`: what it needs was not recorded. */
  readonly verdict: 'ok' | 'warn' | 'fail' | 'unknown'
  readonly value: string
  /** What it is held against. */
  readonly bound: string
  /** What it means, and what to change; empty when all is well. */
  readonly meaning: string
}

/** X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1)), N: requests in flight. */
export type UslFit = {
  readonly gamma: number
  readonly alpha: number
  readonly beta: number
  /** 95% intervals from a bootstrap over the residuals. */
  readonly intervals: {
    readonly gamma: readonly [number, number]
    readonly alpha: readonly [number, number]
    readonly beta: readonly [number, number]
  }
  readonly points: readonly {
    readonly inFlight: number
    readonly measured: number
    readonly fitted: number
  }[]
  /** Where more load stops helping; null where the fit has no such point, or not in sight. */
  readonly peakInFlight: number | null
  readonly explanation: string
}
