// The summary that a run ends with on the terminal. The verdict comes first, with its reason. Then come
// the headline, what each tier took, what limited it, and the exact ledger. Pure: text without colour,
// which survives a pipe and a paste.

import { layOut } from '../engines/table.ts'
import type { Cell, Check, Result, Second } from '../result.ts'
import { cores, count, percent, significant, time } from './figures.ts'
import { complaintsOf, headlineOf, labelOf, ledgerOf, tierRows, verdictCounts } from './reading.ts'

export const terminalReport = (result: Result, width = 100): string =>
  [
    ...verdictLines(result),
    ...(result.cells.length > detailedMax ? ['', ...overview(result)] : []),
    ...detailed(result).flatMap((cell) => ['', ...cellLines(cell)]),
    ...(result.usl ? ['', 'Universal Scalability Law', `  ${result.usl.explanation}`] : []),
  ]
    .flatMap((line) => wrap(line, width))
    .join('\n')

/** With more loads than this, only the best one is printed in full. */
const detailedMax = 3

const detailed = (result: Result): readonly Cell[] => {
  if (result.cells.length <= detailedMax) return result.cells
  const headline = headlineOf(result)
  return headline ? [headline] : []
}

const overview = ({ cells }: Result): string[] =>
  layOut([
    ['connections x in flight', 'good answers/s', 'p50', 'p99', 'CPU us/answer', 'limited by'],
    ...cells.map((cell) => [
      labelOf(cell.load),
      count(cell.goodPerSecond),
      time(cell.latency?.p50 ?? null),
      time(cell.latency?.p99 ?? null),
      significant(tierRows(cell).at(-1)?.demand ?? null),
      cell.limit?.by ?? '',
    ]),
  ]).split('\n')

/** `12 s of 60 s  500,023/s  p99 6.40 ms  server 0.98  generator 1.00` */
export const progressLine = (second: Second, ofSeconds: number): string =>
  [
    `${second.atSeconds.toFixed(0).padStart(3)} s of ${ofSeconds} s`,
    `${count(second.goodPerSecond).padStart(9)}/s`,
    `p99 ${time(second.p99).padStart(8)}`,
    `cores: ${Object.entries(second.cores)
      .map(([name, used]) => `${name} ${cores(used)}`)
      .join(', ')}`,
  ].join('  ')

/** Every check in a line or, where there is something to say of it, two. */
export const checkLines = (checks: readonly Check[]): string[] =>
  checks.flatMap(({ name, verdict, value, bound, meaning }) => [
    `${marks[verdict]} ${name}: ${value}${verdict === 'unknown' ? '' : ` (${bound})`}`,
    ...(meaning === '' ? [] : [`          ${meaning}`]),
  ])

const marks = { ok: 'ok      ', warn: 'WARN    ', fail: 'INVALID ', unknown: 'unknown ' } as const

const verdictLines = (result: Result): string[] => {
  const failed = complaintsOf(result, 'fail')
  const warned = complaintsOf(result, 'warn')
  const counts = verdictCounts(result.cells.flatMap((cell) => cell.checks))
  const lines = (mark: string, complaints: typeof failed) =>
    complaints.flatMap(({ name, meaning, seen }) => [
      `${mark} ${name}: ${seen[0]?.value ?? ''} (wanted: ${seen[0]?.bound ?? ''})${
        seen.length > 1 ? `, and in ${seen.length - 1} more of the loads` : ''
      }`,
      `          ${meaning}`,
    ])
  return [
    `${result.verdict}: of ${count(counts.ok + counts.warn + counts.fail)} checks ${count(counts.fail)} failed, ${count(counts.warn)} warned; ${count(counts.unknown)} more could not be made`,
    ...lines('INVALID ', failed),
    ...lines('WARN    ', warned),
  ]
}

const cellLines = (cell: Cell): string[] => {
  const { load, latency, limit } = cell
  const headline = `${count(cell.goodPerSecond)} good answers a second   ${load.method} ${load.url}`
  return [
    headline,
    `  ${labelOf(load)} in flight, ${load.generator} on ${load.threads} thread${load.threads === 1 ? '' : 's'}, ${cell.seconds.toFixed(1)} s`,
    latency && latency.count > 0
      ? `  latency, from ${latency.from}: mean ${time(latency.mean)}, p50 ${time(latency.p50)}, p90 ${time(latency.p90)}, p99 ${time(latency.p99)}, p99.9 ${time(latency.p999)}, max ${time(latency.max)}`
      : '  latency: not measured',
    '',
    ...tierTable(cell),
    ...(limit ? [`  limited by ${limit.by}. ${limit.explanation}`] : []),
    `  ${ledgerOf(cell)
      .map(([name, value]) => `${name} ${count(value)}`)
      .join(', ')}`,
  ]
}

const tierTable = (cell: Cell): string[] => {
  const rates = cell.limit?.coresFor.map(({ perSecond }) => `cores for ${count(perSecond)}/s`) ?? []
  const rows = tierRows(cell).map((row) => [
    `  ${row.name}`,
    cores(row.cores),
    row.utilization === null ? '' : percent(row.utilization),
    significant(row.demand),
    ...row.coresFor.map((value) => significant(value)),
  ])
  return layOut([['', 'cores', 'of its own', 'CPU us/answer', ...rates], ...rows]).split('\n')
}

/** At words, with the indent of the line. */
const wrap = (line: string, width: number): string[] => {
  if (line.length <= width || width < 40 || !line.includes('. ')) return [line]
  const indent = /^ */.exec(line)?.[0] ?? ''
  const lines: string[] = []
  let current = indent
  for (const word of line.trim().split(' ')) {
    if (current.trim() !== '' && current.length + 1 + word.length > width) {
      lines.push(current)
      current = indent
    }
    current += current.trim() === '' ? word : ` ${word}`
  }
  return [...lines, current]
}
