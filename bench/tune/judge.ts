// Which of the measured candidates really differ, and which to use. Pure: samples in, judgement out.

import { median } from '../engines/summary.ts'
import { metrics, type Metric } from '../analysis/figures.ts'
import { pairedRatio, pairsMin, type PairedRatio } from '../analysis/statistics.ts'
import type { Rounds, Sample } from '../rounds.ts'
import type { Candidate } from './candidates.ts'
import type { WantedMetric } from './options.ts'

export type Row = {
  readonly candidate: Candidate
  /** Sound ones, for the metric. */
  readonly rounds: number
  /** Medians of the sound samples. */
  readonly medians: Readonly<Record<Metric, number | null>>
  readonly verdict: 'baseline' | 'better' | 'worse' | 'no difference' | 'not judged'
  /** To the baseline. */
  readonly ratio: PairedRatio | null
}

export type Judgement = {
  readonly metric: Metric
  /** Why this one, where it was not asked for. */
  readonly metricReason: string | null
  /** What all others are compared with: the default, else the first; null where nothing was judged. */
  readonly baseline: Candidate | null
  readonly rows: readonly Row[]
  readonly comparisons: number
  /** Null where fewer than two could be judged. */
  readonly use: { readonly candidate: Candidate; readonly because: string } | null
  /** Every candidate was judged. */
  readonly isTrusted: boolean
}

export const judgeCandidates = (
  candidates: readonly Candidate[],
  { samples }: Pick<Rounds, 'samples'>,
  { wanted, isOpenLoop }: { readonly wanted: WantedMetric; readonly isOpenLoop: boolean },
): Judgement => {
  const chosen = metricFor(samples, wanted, isOpenLoop)
  const { metric } = chosen
  const values = new Map(
    candidates.map((candidate) => [candidate, valuesOf(candidate, samples, metric)]),
  )
  const enough = candidates.filter((one) => (values.get(one)?.size ?? 0) >= pairsMin)
  const baseline = enough.find(({ isDefault }) => isDefault) ?? enough[0] ?? null
  const others = enough.filter((one) => one !== baseline)
  const ratioTo = (from: Candidate | null, to: Candidate, comparisons: number) =>
    from === null ? null : pairedRatio(pairsOf(values.get(from), values.get(to)), comparisons)
  const rows = candidates.map((candidate): Row => {
    const ratio = others.includes(candidate) ? ratioTo(baseline, candidate, others.length) : null
    return {
      candidate,
      rounds: values.get(candidate)?.size ?? 0,
      medians: mediansOf(candidate, samples),
      ratio,
      verdict: candidate === baseline ? 'baseline' : verdictOf(ratio, metric),
    }
  })
  return {
    ...chosen,
    baseline,
    rows,
    comparisons: others.length,
    use: choose(rows, metric, (best, one, comparisons) => ratioTo(best, one, comparisons)),
    isTrusted: rows.every(({ verdict }) => verdict !== 'not judged'),
  }
}

const metricFor = (
  samples: readonly Sample[],
  wanted: WantedMetric,
  isOpenLoop: boolean,
): Pick<Judgement, 'metric' | 'metricReason'> => {
  if (wanted !== 'auto') return { metric: wanted, metricReason: null }
  if (isOpenLoop) {
    return {
      metric: 'cpu',
      metricReason: 'The load was sent at a fixed rate, so goodput is that rate for all of them.',
    }
  }
  if (samples.some(({ isGeneratorFull }) => isGeneratorFull)) {
    return {
      metric: 'cpu',
      metricReason:
        'The generator was the bottleneck at least once, so goodput does not separate the candidates.',
    }
  }
  return { metric: 'goodput', metricReason: null }
}

/** By round; of sound samples only. */
const valuesOf = (
  candidate: Candidate,
  samples: readonly Sample[],
  metric: Metric,
): Map<number, number> =>
  new Map(
    samples.flatMap((sample) => {
      const value = sample[metric]
      return sample.name === candidate.name && value !== null ? [[sample.round, value]] : []
    }),
  )

/** Pairs from the rounds that both have. */
const pairsOf = (from = new Map<number, number>(), to = new Map<number, number>()) =>
  [...from].flatMap(([round, a]) => {
    const b = to.get(round)
    return b === undefined ? [] : [[a, b] as const]
  })

const mediansOf = (candidate: Candidate, samples: readonly Sample[]): Row['medians'] => {
  const of = (metric: Metric) => {
    const values = [...valuesOf(candidate, samples, metric).values()]
    return values.length === 0 ? null : median(values)
  }
  return { goodput: of('goodput'), cpu: of('cpu'), p99: of('p99') }
}

const verdictOf = (ratio: PairedRatio | null, metric: Metric): Row['verdict'] => {
  if (ratio === null) return 'not judged'
  if (!ratio.isReal) return 'no difference'
  return ratio.ratio > 1 === metrics[metric].isMoreBetter ? 'better' : 'worse'
}

type Compare = (best: Candidate, one: Candidate, comparisons: number) => PairedRatio | null

/**
 * Only a real difference to the default is a reason to leave it. Among several that are really
 * better, the smallest that does not differ significantly from the best: more connections than needed cost
 * something somewhere else.
 */
const choose = (rows: readonly Row[], metric: Metric, compare: Compare): Judgement['use'] => {
  const baseline = rows.find(({ verdict }) => verdict === 'baseline')?.candidate
  const judged = rows.filter(({ verdict }) => verdict !== 'not judged')
  if (baseline === undefined || judged.length < 2) return null
  const { isMoreBetter } = metrics[metric]
  const better = judged
    .filter(({ verdict }) => verdict === 'better')
    .toSorted((a, b) => (isMoreBetter ? 1 : -1) * ((b.ratio?.ratio ?? 1) - (a.ratio?.ratio ?? 1)))
    .map(({ candidate }) => candidate)
  const [best, ...rest] = better
  if (best === undefined) {
    if (baseline.isDefault) {
      return { candidate: baseline, because: 'the default, and none is really better' }
    }
    const alike = judged.filter(({ verdict }) => verdict !== 'worse')
    const because =
      alike.length > 1 ? 'the smallest of those without a significant difference' : 'the best'
    return { candidate: smallest(alike.map(({ candidate }) => candidate)), because }
  }
  const alike = rest.filter((one) => compare(best, one, rest.length)?.isReal === false)
  if (alike.length === 0) return { candidate: best, because: 'the best, and really so' }
  const candidate = smallest([best, ...alike])
  return {
    candidate,
    because: `really better than ${baseline.name}, and the smallest of ${alike.length + 1} without a significant difference`,
  }
}

const smallest = (candidates: readonly Candidate[]): Candidate =>
  candidates.reduce((least, one) => (one.size < least.size ? one : least))
