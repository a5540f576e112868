// By how much B differs from A in each figure that both have, and how sure that is. Pure.

import { metrics, type Metric } from '../analysis/figures.ts'
import { pairedRatio, pairsMin, type PairedRatio } from '../analysis/statistics.ts'
import { median } from '../engines/summary.ts'
import type { Sample } from '../rounds.ts'

export type Line = {
  readonly metric: Metric
  readonly medianA: number
  readonly medianB: number
  /** B to A. */
  readonly ratio: PairedRatio
  /** Lowest and highest A, each to the median of A: what A differs from itself. */
  readonly spreadA: readonly [number, number]
}

export type Comparison = {
  readonly lines: readonly Line[]
  /** Wanted figures that can't be compared. */
  readonly missing: readonly { readonly metric: Metric; readonly why: string }[]
  /** Goodput or CPU was judged: p99 alone is no answer. */
  readonly isTrusted: boolean
}

export const compareSamples = (samples: readonly Sample[], isOpenLoop: boolean): Comparison => {
  const figures = (Object.keys(metrics) as Metric[]).map((metric) => ({
    metric,
    pairs: pairsOf(samples, metric),
  }))
  const wanted = figures.filter(({ metric }) => !(isOpenLoop && metric === 'goodput'))
  const enough = wanted.filter(({ pairs }) => pairs.length >= pairsMin)
  const lines = enough.flatMap(({ metric, pairs }): Line[] => {
    const ratio = pairedRatio(pairs, enough.length)
    if (ratio === null) return []
    const valuesOfA = pairs.map(([a]) => a)
    const medianA = median(valuesOfA)
    const spreadA = [Math.min(...valuesOfA) / medianA, Math.max(...valuesOfA) / medianA] as const
    return [{ metric, medianA, medianB: median(pairs.map(([, b]) => b)), ratio, spreadA }]
  })
  return {
    lines,
    missing: figures
      .filter(({ metric }) => lines.every((line) => line.metric !== metric))
      .map(({ metric, pairs }) => ({
        metric,
        why: whyMissing(metric, samples, pairs.length, isOpenLoop),
      })),
    isTrusted: lines.some(({ metric }) => metric !== 'p99'),
  }
}

/** Pairs from the rounds in which both were sound. */
const pairsOf = (samples: readonly Sample[], metric: Metric) => {
  const of = (name: string, round: number) =>
    samples.find((one) => one.name === name && one.round === round)?.[metric] ?? null
  return [...new Set(samples.map(({ round }) => round))].flatMap((round) => {
    const [a, b] = [of('A', round), of('B', round)]
    return a === null || b === null ? [] : [[a, b] as const]
  })
}

const whyMissing = (
  metric: Metric,
  samples: readonly Sample[],
  pairs: number,
  isOpenLoop: boolean,
): string => {
  if (isOpenLoop && metric === 'goodput') return 'the load was sent at a fixed rate'
  const sound = samples.filter(({ fault }) => fault === null)
  if (metric !== 'cpu' && sound.some(({ isGeneratorFull }) => isGeneratorFull)) {
    return 'the generator was the bottleneck: what it measured is its own'
  }
  if (metric === 'cpu' && sound.some(({ cpu }) => cpu === null)) {
    return 'the CPU of what runs elsewhere is not known'
  }
  if (metric === 'p99' && sound.some(({ p99 }) => p99 === null)) {
    return 'too few requests were timed for a 99th percentile; measure for longer (--seconds)'
  }
  return `${pairs} rounds in which both were sound, and it takes ${pairsMin}`
}
