// The loads of one run beside each other: the ladder, and the Universal Scalability Law fitted over it.

import type { Cell, Result, UslFit } from '../result.ts'
import { panel } from './charts.ts'
import * as figures from './figures.ts'
import { markup, type Markup } from './markup.ts'
import { inFlightOf, labelOf, verdictCounts } from './reading.ts'
import { fromZero, logAround } from './scale.ts'
import { lineStyles, styleOf, type Axis, type Line, type Point } from './svg.ts'
import { table } from './tables.ts'

export const ladderSection = ({ cells, usl }: Result): Markup | null => {
  if (cells.length < 2) return null
  const rows = cells.map((cell) => [
    labelOf(cell.load),
    figures.count(inFlightOf(cell.load)),
    figures.count(cell.goodPerSecond),
    figures.time(cell.latency?.p50 ?? null),
    figures.time(cell.latency?.p99 ?? null),
    cell.limit?.by ?? 'unknown',
    checksOf(cell),
  ])
  return markup`<section><h2>The ladder</h2>
<p>Connections × requests in flight on each, one load after the other on the same servers.</p>
<div class="panels">${ladderCharts(cells, usl !== null)}</div>
${table(['load', 'in flight', 'good/s', 'p50', 'p99', 'limited by', 'checks'], rows)}</section>`
}

const checksOf = ({ checks }: Cell): string => {
  const { fail, warn } = verdictCounts(checks)
  if (fail > 0) return `✗ ${fail} failed`
  return warn > 0 ? `! ${figures.plural(warn, 'warning')}` : '✓ ok'
}

const ladderCharts = (cells: readonly Cell[], hasUsl: boolean): Markup[] => {
  const axis = loadAxis(cells)
  if (axis === null) return []
  const sorted = cells.toSorted((a, b) => axis.of(a) - axis.of(b))
  const line = (name: string, style: number, valueOf: (cell: Cell) => number | null): Line => ({
    name,
    style: styleOf(style),
    markers: 'each',
    points: sorted.flatMap((cell): Point[] => {
      const value = valueOf(cell)
      return value === null ? [] : [[axis.of(cell), value]]
    }),
  })
  const good = line('good answers', 0, ({ goodPerSecond }) => goodPerSecond)
  const p50 = line('p50', 0, ({ latency }) => latency?.p50 ?? null)
  const p99 = line('p99', 1, ({ latency }) => latency?.p99 ?? null)
  const latencies = [...p50.points, ...p99.points].map(([, us]) => us)
  const goodput = panel('by load', {
    title: 'Goodput',
    description: 'Good answers a second at each load.',
    x: axis.x,
    y: goodAxis(cells.map(({ goodPerSecond }) => goodPerSecond)),
    lines: [good],
  })
  const latency = panel('by load', {
    title: 'Latency',
    description: 'The median and the 99th percentile of latency at each load.',
    x: axis.x,
    y: { scale: logAround(latencies), label: 'latency', show: figures.shortTime },
    lines: [p99, p50],
  })
  // With a fit, the same points stand on its curve.
  return [...(hasUsl ? [] : [goodput]), ...(latencies.length === 0 ? [] : [latency])]
}

const goodAxis = (values: readonly number[]): Axis => ({
  scale: fromZero(values),
  label: 'good answers a second',
  show: figures.shortCount,
})

/** By offered rate where that is what was raised; null where all loads are alike. */
const loadAxis = (cells: readonly Cell[]): { x: Axis; of: (cell: Cell) => number } | null => {
  const isByRate = cells.every(({ load }) => load.ratePerSecond !== null)
  const of = ({ load }: Cell) => (isByRate ? (load.ratePerSecond ?? 0) : inFlightOf(load))
  const values = cells.map(of)
  if (new Set(values).size < 2) return null
  const label = isByRate ? 'offered a second' : 'requests in flight'
  return { x: { scale: logAround(values), label, show: figures.shortCount }, of }
}

export const uslSection = (usl: UslFit | null): Markup | null => {
  if (usl === null) return null
  const { gamma, alpha, beta, intervals, points, peakInFlight } = usl
  const between = ([low, high]: readonly [number, number]) =>
    `${figures.significant(low)} to ${figures.significant(high)}`
  const parameters = [
    [
      'γ',
      'answers a second of one in flight',
      figures.significant(gamma),
      between(intervals.gamma),
    ],
    ['α', 'share that waits in a queue', figures.significant(alpha), between(intervals.alpha)],
    ['β', 'cost of agreement, per pair', figures.significant(beta), between(intervals.beta)],
  ]
  const fits = points.map(({ inFlight, measured, fitted }) => [
    ...[inFlight, measured, fitted].map(figures.count),
    figures.percent(measured > 0 ? (fitted - measured) / measured : null),
  ])
  return markup`<section><h2>Where more load stops helping</h2>
<p>The Universal Scalability Law, X(N) = γN / (1 + α(N − 1) + βN(N − 1)), fitted over the loads; N is requests in flight.
${usl.explanation} ${peakInFlight === null ? null : `Peak at ${figures.count(peakInFlight)} in flight.`}</p>
${uslChart(usl)}<div class="panels tight">
${table(['', 'means', 'fitted', '95% interval'], parameters, 2)}
${table(['in flight', 'measured/s', 'fitted/s', 'off by'], fits, 0)}</div></section>`
}

const curvePoints = 120

const uslChart = ({ gamma, alpha, beta, points, peakInFlight }: UslFit): Markup => {
  const at = (n: number) => (gamma * n) / (1 + alpha * (n - 1) + beta * n * (n - 1))
  const measured = points.map(({ inFlight }) => inFlight)
  const last = Math.max(...measured, 1)
  // A fit says nothing of loads beyond twice the largest that was measured.
  const isPeakInSight = peakInFlight !== null && peakInFlight <= last * 2
  const scale = logAround([...measured, isPeakInSight ? peakInFlight : last])
  const curve = Array.from({ length: curvePoints + 1 }, (_, i): Point => {
    const n = scale.min * (scale.max / scale.min) ** (i / curvePoints)
    return [n, at(n)]
  }).filter(([n]) => n <= last * 2)
  const drawn = points.map(({ inFlight, measured }): Point => [inFlight, measured])
  return panel('points as measured, the fitted curve through them', {
    title: 'Goodput by requests in flight',
    description: 'Measured good answers a second, and the fitted curve, by requests in flight.',
    x: { scale, label: 'requests in flight', show: figures.shortCount },
    y: goodAxis([...drawn, ...curve].map(([, y]) => y)),
    lines: [
      { name: 'fitted', style: lineStyles[1], markers: 'none', points: curve },
      { name: 'measured', style: lineStyles[0], markers: 'instead of a line', points: drawn },
    ],
    ...(isPeakInSight
      ? { rule: { x: peakInFlight, name: `peak: ${figures.count(peakInFlight)}` } }
      : {}),
  })
}
