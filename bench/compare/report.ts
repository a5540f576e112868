// The comparison of A and B in plain words. Pure: text out.

import { metrics } from '../analysis/figures.ts'
import { invalidLines, machineFullNote, showRatio, unseen } from '../comparison-text.ts'
import { layOut } from '../engines/table.ts'
import type { Sample } from '../rounds.ts'
import type { Comparison, Line } from './judge.ts'

export type Titles = { readonly A: string; readonly B: string }

export const compareReport = (
  { lines, missing, isTrusted }: Comparison,
  samples: readonly Sample[],
  titles: Titles,
  isOpenLoop: boolean,
): string =>
  [
    `A: ${titles.A}`,
    `B: ${titles.B}`,
    '',
    ...(lines.length > 0 ? [layOut([heads, ...lines.map(cellsOf)]), ''] : []),
    ...lines.map(sentence),
    ...missing.map(({ metric, why }) => `${metrics[metric].name}: not compared: ${why}.`),
    ...lines.map(itself),
    ...(lines.length > 1
      ? [`The intervals are widened so that all ${lines.length} hold at once in 95 of 100 runs.`]
      : []),
    ...(lines.some(({ metric }) => metric === 'p99') && !isOpenLoop ? [closedLoopNote] : []),
    ...(lines.some(({ metric }) => metric === 'goodput')
      ? machineFullNote(samples, 'goodput')
      : []),
    ...invalidLines(samples),
    ...(isTrusted ? [] : ['', untrusted]),
  ].join('\n')

const closedLoopNote =
  'Each connection waits for its answer before it sends again, so p99 says little beyond goodput where something was full; compare latencies in an open loop (--scenario quick).'
const untrusted =
  'UNTRUSTED: too few rounds were sound for goodput or CPU. See above what was wrong with them; on a quiet machine, run more and longer rounds.'

const heads = ['', 'A', 'B', 'B to A, paired', '95% interval']
const cellsOf = ({ metric, medianA, medianB, ratio }: Line): string[] => {
  const [shown = '', interval = ''] = showRatio(ratio).split(/ (?=\()/)
  const { name, show } = metrics[metric]
  return [name, show(medianA), show(medianB), shown, interval]
}

const sentence = ({ metric, ratio }: Line): string => {
  const { name, isMoreBetter } = metrics[metric]
  if (!ratio.isReal) {
    const [, interval = ''] = showRatio(ratio).split('(')
    return [`${name}: no significant difference (${interval}.`, ...unseen([ratio])].join(' ')
  }
  const verdict = ratio.ratio > 1 === isMoreBetter ? 'better' : 'worse'
  return `${name}: B is ${showRatio(ratio).replace('x (', 'x A (')}: ${verdict}.`
}

const itself = ({ metric, spreadA, ratio }: Line): string => {
  const [low, high] = spreadA.map((share) => share.toFixed(2))
  return `A against itself, ${metrics[metric].name}: ${low ?? ''}x to ${high ?? ''}x of its median over ${ratio.pairs} rounds.`
}
