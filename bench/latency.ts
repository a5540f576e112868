// Latencies between two readings of a generator's counters, in microseconds.

import { upperBoundUs, type Reading } from './load/recording.cjs'
import type { Latency } from './result.ts'

/** Null when nothing was answered between the two. */
export const percentileOf = (from: Reading, to: Reading, share: number): number | null => {
  const counts = to.buckets.map((many, i) => many - (from.buckets[i] ?? 0))
  return percentileIn(counts, share)
}

/** The upper bound of the bucket in which that share of them is reached. */
const percentileIn = (counts: readonly number[], share: number): number | null => {
  const total = counts.reduce((sum, many) => sum + many, 0)
  const wanted = Math.ceil(total * share)
  let seen = 0
  for (const [bucket, many] of counts.entries()) {
    seen += many
    if (many > 0 && seen >= wanted) return upperBoundUs(bucket)
  }
  return null
}

export const latencyOf = (from: Reading, to: Reading, source: Latency['from']): Latency | null => {
  const counts = to.buckets.map((many, i) => many - (from.buckets[i] ?? 0))
  const total = counts.reduce((sum, many) => sum + many, 0)
  if (total === 0) return null
  const at = (share: number) => percentileIn(counts, share) ?? 0
  return {
    from: source,
    count: total,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    mean: (to.latencySumUs - from.latencySumUs) / (to.latencyCount - from.latencyCount),
    max: at(1),
    histogram: counts.flatMap((many, bucket) =>
      many > 0 ? [[upperBoundUs(bucket), many] as const] : [],
    ),
  }
}

/** The latency of single requests that were timed one by one. */
export const latencyOfSorted = (sortedUs: readonly number[]): Latency | null => {
  if (sortedUs.length === 0) return null
  const at = (share: number) => sortedUs[Math.ceil(sortedUs.length * share) - 1] ?? 0
  const steps = Array.from({ length: 100 }, (_, i) => at((i + 1) / 100))
  return {
    from: 'a probe',
    count: sortedUs.length,
    mean: sortedUs.reduce((a, b) => a + b, 0) / sortedUs.length,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    max: at(1),
    histogram: steps.flatMap((value, i) => {
      const many = sortedUs.filter((one) => one <= value && one > (steps[i - 1] ?? -1)).length
      return many > 0 ? [[value, many] as const] : []
    }),
  }
}
