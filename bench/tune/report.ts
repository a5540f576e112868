// A sweep in plain words: a table of every candidate, which differences are real, which value to use.
// Pure: text out.

import { metrics, type Metric } from '../analysis/figures.ts'
import { pairsMin } from '../analysis/statistics.ts'
import { invalidLines, machineFullNote, showRatio, unseen } from '../comparison-text.ts'
import { layOut } from '../engines/table.ts'
import type { Rounds } from '../rounds.ts'
import type { Judgement, Row } from './judge.ts'

export const tuneReport = (judgement: Judgement, measured: Rounds): string => {
  const { samples } = measured
  const { metric, metricReason, baseline } = judgement
  return [
    layOut([heads(judgement), ...judgement.rows.map((row) => cellsOf(row, judgement))]),
    '',
    `Judged by ${metrics[metric].name}. ${metricReason ?? ''}`.trim(),
    ...(baseline ? sentences(judgement, titleOf(judgement)) : []),
    ...notJudged(judgement, measured),
    ...machineFullNote(samples, metric),
    ...invalidLines(samples),
    '',
    advice(judgement),
  ].join('\n')
}

const titleOf = ({ baseline }: Judgement): string =>
  baseline === null ? '' : `${baseline.name}${baseline.isDefault ? ' (the default)' : ''}`

const heads = ({ metric }: Judgement): string[] => [
  '',
  'rounds',
  'good/s',
  'CPU us',
  'p99 ms',
  `${metrics[metric].name}, ratio`,
  '',
]

const cellsOf = ({ candidate, rounds, medians, ratio, verdict }: Row, judgement: Judgement) => {
  const show = (metric: Metric) => {
    const value = medians[metric]
    return value === null ? '-' : metrics[metric].show(value)
  }
  return [
    candidate.name,
    `${rounds}`,
    show('goodput'),
    show('cpu'),
    show('p99'),
    candidate === judgement.baseline ? '1' : ratio ? showRatio(ratio) : '-',
    verdict === 'baseline' ? (candidate.isDefault ? 'default' : 'first') : verdict,
  ]
}

const sentences = ({ rows, comparisons }: Judgement, base: string): string[] => {
  const of = (verdict: Row['verdict']) => rows.filter((row) => row.verdict === verdict)
  const list = (some: readonly Row[]) =>
    some
      .map(({ candidate, ratio }) => `${candidate.name}${ratio ? ` ${showRatio(ratio)}` : ''}`)
      .join(', ')
  const line = (text: string, some: readonly Row[]) =>
    some.length > 0 ? [`${text}: ${list(some)}.`] : []
  return [
    ...line(`Really better than ${base}`, of('better')),
    ...line(`Really worse than ${base}`, of('worse')),
    ...line(`No significant difference to ${base}`, of('no difference')),
    ...unseen(rows.flatMap(({ ratio }) => ratio ?? [])),
    ...(comparisons > 1
      ? [`The intervals are widened so that all ${comparisons} hold at once in 95 of 100 runs.`]
      : comparisons === 1
        ? ['The interval holds in 95 of 100 runs.']
        : []),
  ]
}

const notJudged = ({ rows, metric }: Judgement, { samples, leftOut }: Rounds): string[] =>
  rows
    .filter(({ verdict }) => verdict === 'not judged')
    .map(({ candidate: { name }, rounds }) => {
      const own = samples.filter((one) => one.name === name)
      const isHidden = metric !== 'cpu' && own.some(({ isGeneratorFull }) => isGeneratorFull)
      const why =
        leftOut.find((one) => one.name === name)?.why ??
        (isHidden
          ? 'the generator was full, and what it measured is its own: use --metric cpu'
          : `${rounds} of its rounds can be used for this, and it takes ${pairsMin} in which what it is compared with was sound too`)
      return `Not judged: ${name}: ${why}.`
    })

const advice = ({ use }: Judgement): string =>
  use === null
    ? 'UNTRUSTED: too few rounds were sound to say which to use. See above what was wrong with them; on a quiet machine, run more and longer rounds.'
    : `Use ${use.candidate.name}: ${use.because}.`
