// From samples to rows: medians over the rounds, their spread, the ratio to the floor of the same run.
// Pure, so that it can be checked on paper.

import type { Cell, Sample } from './measure.ts'
import type { Name } from './subjects.ts'

export type Row = Cell & {
  readonly name: Name
  /** Server CPU per request, the median of the rounds; the numbers are null in an invalid row. */
  readonly cpuUsPerRequest: number | null
  /** (highest - lowest) / median of that, over the rounds. */
  readonly cpuSpread: number | null
  readonly requestsPerSecond: number | null
  readonly p99Ms: number | null
  /** Where p99Ms is from, or why there is none. */
  readonly p99From: string
  readonly ratioToFloor: number | null
  /** Share of one core. */
  readonly serverCpuShare: number | null
  readonly generatorCpuShare: number | null
  /**
   * Whose core was full. Unless the server's was, req/s says nothing of it (CPU per request still
   * does); `neither`: others use this machine, or too little was in flight.
   */
  readonly limitedBy: 'server' | 'generator' | 'neither' | null
  readonly rounds: number
  readonly invalid?: string
}

const latenciesMin = 100 // fewer have no 99th percentile
const generatorFullShare = 0.95
const serverFullShare = 0.9

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (index: number) => sorted[index] ?? NaN
  const half = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? at(half) : (at(half - 1) + at(half)) / 2
}

/** Of results of one shape: each number is the median of theirs, whatever else is the last's. */
export const medianOfEach = <T>(values: readonly T[]): T => mediansIn(values) as T

const mediansIn = (values: readonly unknown[]): unknown => {
  if (values.every((value) => typeof value === 'number')) return median(values)
  const last = values.at(-1)
  const isRecord = values.every(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  )
  if (!isRecord) return last
  const records = values as readonly Record<string, unknown>[]
  return Object.fromEntries(
    Object.keys(last as object).map((name) => [name, mediansIn(records.map((one) => one[name]))]),
  )
}

export const spread = (values: readonly number[]): number =>
  (Math.max(...values) - Math.min(...values)) / median(values)

/** The smallest value that is not below `share` of them (nearest rank). */
export const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? NaN

/** In the order of the first of each; Map.groupBy is not in Node 20. */
export const groupBy = <T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    groups.set(key, [...(groups.get(key) ?? []), item])
  }
  return groups
}

/** One row for each cell and name that has samples, in the order of the samples. */
export const summarize = (samples: readonly Sample[]): Row[] => {
  const groups = groupBy(samples, ({ name, depth, limit }) => `${depth} ${limit} ${name}`)
  const rows = [...groups.values()].map(rowOf)
  return rows.map((row) => {
    const floor = rows.find(
      ({ name, depth, limit }) => name === 'floor' && depth === row.depth && limit === row.limit,
    )
    if (row.cpuUsPerRequest === null || !floor?.cpuUsPerRequest) return row
    return { ...row, ratioToFloor: round(row.cpuUsPerRequest / floor.cpuUsPerRequest, 3) }
  })
}

const rowOf = (samples: readonly Sample[]): Row => {
  const { name, depth, limit } = samples[0] as Sample
  const base = { name, depth, limit, ratioToFloor: null, rounds: samples.length }
  const invalid = samples.find((sample) => sample.invalid !== undefined)?.invalid
  if (invalid !== undefined) return { ...base, ...nothing, p99From: 'the row is invalid', invalid }
  const cpuUs = samples.map((one) => (one.serverCpuSeconds * 1e6) / one.requests)
  const serverShare = median(samples.map((one) => one.serverCpuSeconds / one.seconds))
  const generatorShare = median(samples.map((one) => one.generatorShare))
  return {
    ...base,
    cpuUsPerRequest: round(median(cpuUs), 4),
    cpuSpread: round(spread(cpuUs), 3),
    requestsPerSecond: Math.round(median(samples.map((one) => one.requests / one.seconds))),
    ...p99Of(samples),
    serverCpuShare: round(serverShare, 3),
    generatorCpuShare: round(generatorShare, 3),
    limitedBy:
      serverShare >= serverFullShare
        ? 'server'
        : generatorShare >= generatorFullShare
          ? 'generator'
          : 'neither',
  }
}

const nothing = {
  cpuUsPerRequest: null,
  cpuSpread: null,
  requestsPerSecond: null,
  p99Ms: null,
  serverCpuShare: null,
  generatorCpuShare: null,
  limitedBy: null,
}

const p99Of = (samples: readonly Sample[]): Pick<Row, 'p99Ms' | 'p99From'> => {
  const own = samples.flatMap(({ p99Ms }) => (p99Ms === undefined ? [] : [p99Ms]))
  if (own.length > 0) return { p99Ms: round(median(own), 3), p99From: 'wrk' }
  // All rounds together: one round of a slow server has too few.
  const latencies = samples.flatMap(({ latenciesMs }) => latenciesMs)
  return latencies.length < latenciesMin
    ? { p99Ms: null, p99From: `only ${latencies.length} requests were timed` }
    : { p99Ms: round(percentile(latencies, 0.99), 3), p99From: 'probe' }
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits))
