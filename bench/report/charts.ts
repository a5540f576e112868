// Which charts a load gets: throughput over time, the spectrum of latency, latency over time, CPU over
// time. The loads of one run share their axes, so that one panel can be held against the next.

import type { Cell, Latency, Second } from '../result.ts'
import * as figures from './figures.ts'
import { markup, type Markup } from './markup.ts'
import { labelOf, tierNames } from './reading.ts'
import { fromZero, logAround, upTo, type Scale } from './scale.ts'
import { chart, lineStyles, styleOf, type Axis, type Chart, type Point } from './svg.ts'

export const panel = (note: string, it: Chart): Markup =>
  markup`<figure><figcaption><b>${it.title}</b> ${note}</figcaption>${chart(it)}</figure>`

const overTime = (cell: Cell): Axis => ({
  scale: upTo(cell.seconds),
  label: 'seconds into the window',
  show: figures.plain,
})

export const throughputCharts = (cells: readonly Cell[]): Markup[] => {
  const all = cells.flatMap(({ series }) => series.map(({ goodPerSecond }) => goodPerSecond))
  const scale = fromZero(all)
  return cells.flatMap((cell) => {
    if (cell.series.length === 0) return []
    const mean = `${figures.count(cell.goodPerSecond)} a second over ${figures.seconds(cell.seconds)}`
    return panel(mean, {
      title: labelOf(cell.load),
      description: `Good answers a second, second by second: ${mean}.`,
      x: overTime(cell),
      y: { scale, label: 'good answers a second', show: figures.shortCount },
      lines: [lineOver(cell, 'good answers', 0, ({ goodPerSecond }) => goodPerSecond, 'none')],
    })
  })
}

export const cpuCharts = (cells: readonly Cell[]): Markup[] => {
  const scale = fromZero(
    cells.flatMap(({ series }) => series.flatMap((it) => Object.values(it.cores))),
  )
  return cells.flatMap((cell) => {
    const names = tierNames(cell).filter((name) => cell.series.some(({ cores }) => name in cores))
    if (names.length === 0) return []
    return panel('', {
      title: labelOf(cell.load),
      description: `Cores that each tier used, second by second: ${names.join(', ')}.`,
      x: overTime(cell),
      y: { scale, label: 'cores used', show: figures.plain },
      lines: names.map((name, i) => lineOver(cell, name, i, ({ cores }) => cores[name] ?? null)),
    })
  })
}

/** Beside each load's spectrum its percentiles over time: a mean hides a minute of trouble. */
export const latencyCharts = (cells: readonly Cell[]): Markup[] => {
  const values = cells.flatMap(({ series, latency }) => [
    ...series.flatMap(({ p50, p99 }) => [p50 ?? NaN, p99 ?? NaN]),
    ...(latency === null || latency.count === 0
      ? []
      : [...spectrumOf(latency).map(([, us]) => us)]),
  ])
  const scale = logAround(values)
  const slowest = Math.max(...cells.map(({ latency }) => latency?.count ?? 0))
  return cells.flatMap((cell) => [
    ...spectrumChart(cell, scale, percentileScale(slowest)),
    ...latencyOverTime(cell, scale),
  ])
}

const latencyAxis = (scale: Scale): Axis => ({ scale, label: 'latency', show: figures.shortTime })

const latencyOverTime = (cell: Cell, scale: Scale): Markup[] => {
  if (!cell.series.some(({ p50, p99 }) => p50 !== null || p99 !== null)) return []
  return [
    panel('second by second', {
      title: labelOf(cell.load),
      description: 'The median and the 99th percentile of latency in each second.',
      x: overTime(cell),
      y: latencyAxis(scale),
      lines: [
        lineOver(cell, 'p99', 1, ({ p99 }) => p99),
        lineOver(cell, 'p50', 0, ({ p50 }) => p50),
      ],
    }),
  ]
}

const spectrumChart = (cell: Cell, y: Scale, x: Scale): Markup[] => {
  const { latency, load } = cell
  if (latency === null || latency.count === 0) return []
  const marks = percentiles(latency).filter(({ at }) => at[0] <= latency.count)
  const values = marks.map(({ name, at }) => `${name} ${figures.time(at[1])}`).join(', ')
  return [
    panel(`${figures.count(latency.count)} timed, from ${latency.from}`, {
      title: labelOf(load),
      description: `Latency at each percentile, both on a log scale: ${values}.`,
      x: { scale: x, label: 'percentile (each step: ten times rarer)', show: percentileName },
      y: latencyAxis(y),
      lines: [
        { name: 'latency', style: lineStyles[0], markers: 'none', points: spectrumOf(latency) },
      ],
      marks: marks.map(({ name, at }) => ({ at, name: `${name} ${figures.time(at[1])}` })),
    }),
  ]
}

/** x = 1 / (1 - p): how rare it is to wait longer. */
const percentiles = (latency: Latency): { name: string; at: Point }[] => [
  { name: 'p50', at: [2, latency.p50] },
  { name: 'p90', at: [10, latency.p90] },
  { name: 'p99', at: [100, latency.p99] },
  { name: 'p99.9', at: [1_000, latency.p999] },
]

const percentileScale = (count: number): Scale => {
  const max = Math.max(count, 100)
  const decades = Array.from(
    { length: Math.floor(Math.log10(max) + 1e-9) },
    (_, i) => 10 ** (i + 1),
  )
  return { kind: 'log', min: 1, max, ticks: [2, ...decades] }
}

const percentileName = (rarity: number): string =>
  rarity === 2 ? '50%' : `${plainNines(Math.round(Math.log10(rarity)))}%`
const plainNines = (nines: number): string =>
  nines < 3 ? '9'.repeat(nines).padEnd(2, '0') : `99.${'9'.repeat(nines - 2)}`

/** As steps; the last value is drawn at 1 / count, for beyond it nothing was seen. */
const spectrumOf = (latency: Latency): Point[] => {
  const total = latency.histogram.reduce((sum, [, many]) => sum + many, 0)
  if (total === 0) return percentiles(latency).map(({ at }) => at)
  const points: Point[] = []
  let below = 0
  let drawnTo = 0
  for (const [us, many] of latency.histogram) {
    const start = total / (total - below)
    below += many
    const end = Math.min(total, total / Math.max(total - below, 1))
    // A thousandth of a decade is no longer seen, and histograms have thousands of values.
    if (end < drawnTo * 1.002 && below < total) continue
    points.push([Math.max(start, drawnTo), us], [end, us])
    drawnTo = end
  }
  return points
}

const seriesPointsMax = 600

const lineOver = (
  { series }: Cell,
  name: string,
  style: number,
  valueOf: (second: Second) => number | null,
  markers: 'some' | 'none' = 'some',
) => {
  const points = series.flatMap((second): Point[] => {
    const value = valueOf(second)
    return value === null || !Number.isFinite(value) ? [] : [[second.atSeconds, value]]
  })
  return { name, points: thin(points), style: styleOf(style), markers }
}

/** The lowest and the highest of each stretch: a second without answers must still be seen. */
const thin = (points: readonly Point[]): readonly Point[] => {
  if (points.length <= seriesPointsMax) return points
  const stretch = Math.ceil((points.length * 2) / seriesPointsMax)
  return Array.from({ length: Math.ceil(points.length / stretch) }, (_, i) => {
    const some = points.slice(i * stretch, (i + 1) * stretch).toSorted((a, b) => a[1] - b[1])
    const ends = [some[0], some.at(-1)].filter((point) => point !== undefined)
    return ends.toSorted((a, b) => a[0] - b[0])
  }).flat()
}
