// Rows as tables for people, one per depth and limit. Pure: text in, text out.

import { groupBy, type Row } from './summary.ts'

const or = (value: number | null, show: (value: number) => string): string =>
  value === null ? '-' : show(value)
const percent = (share: number): string => `${Math.round(share * 100)}%`

const columns: readonly (readonly [string, (row: Row) => string])[] = [
  ['', ({ name }) => name],
  ['CPU us/req', ({ cpuUsPerRequest: us }) => or(us, (value) => value.toFixed(value < 10 ? 3 : 1))],
  ['spread', ({ cpuSpread }) => or(cpuSpread, percent)],
  ['to floor', ({ ratioToFloor }) => or(ratioToFloor, (ratio) => `${ratio.toFixed(2)}x`)],
  ['req/s', (row) => or(row.requestsPerSecond, (n) => n.toLocaleString('en-US')) + mark(row)],
  ['p99 ms', ({ p99Ms }) => or(p99Ms, (ms) => ms.toFixed(2))],
  ['server core', ({ serverCpuShare }) => or(serverCpuShare, percent)],
  ['generator', ({ generatorCpuShare }) => or(generatorCpuShare, percent)],
]
const mark = ({ limitedBy }: Row): string =>
  limitedBy === 'generator' ? ' *' : limitedBy === 'neither' ? ' ~' : '  '

/** The first column to the left, numbers to the right. */
export const layOut = (lines: readonly (readonly string[])[]): string => {
  const widths = lines[0]?.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)))
  return lines
    .map((line) =>
      line
        .map((text, i) =>
          i === 0 ? text.padEnd(widths?.[i] ?? 0) : text.padStart(widths?.[i] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export const tables = (rows: readonly Row[]): string => {
  const cells = groupBy(rows, ({ depth, limit }) => `depth ${depth}, limit=${limit}`)
  const parts = [...cells].map(([title, ofCell]) => {
    const sorted = ofCell.toSorted(
      (a, b) => (a.cpuUsPerRequest ?? Infinity) - (b.cpuUsPerRequest ?? Infinity),
    )
    const heads = columns.map(([head], i) => (i === 0 ? title : head))
    return layOut([heads, ...sorted.map((row) => columns.map(([, show]) => show(row)))])
  })
  return [...parts, notes(rows)].filter(Boolean).join('\n\n')
}

const marks = {
  generator: '* the generator was the bottleneck: compare CPU per request, not req/s',
  neither:
    '~ neither core was full (others use this machine, or too little was in flight): compare CPU per request, not req/s',
}

const notes = (rows: readonly Row[]): string => {
  const of = ({ name, depth, limit }: Row) => `${name} at depth ${depth}, limit=${limit}`
  const legend = Object.entries(marks).filter(([by]) => rows.some((row) => row.limitedBy === by))
  return [
    ...legend.map(([, text]) => text),
    ...rows.filter((row) => row.invalid).map((row) => `invalid: ${of(row)}: ${row.invalid}`),
    ...rows
      .filter((row) => row.p99Ms === null && !row.invalid)
      .map((row) => `no p99: ${of(row)}: ${row.p99From}`),
  ].join('\n')
}
