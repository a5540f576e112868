// Fits the Universal Scalability Law to throughputs by requests in flight, and says how sure that is.
// Pure; the law is in usl-curve.ts, the words are in usl-explanation.ts.

import { randomFrom } from '../../scripts/random.ts'
import type { UslFit } from '../result.ts'
import { percentile } from '../engines/summary.ts'
import { mean } from './statistics.ts'
import { reach, uslAt, type UslParameters } from './usl-curve.ts'
import { explainUsl } from './usl-explanation.ts'

export type UslPoint = { readonly inFlight: number; readonly measured: number }

/** Three parameters and something left to be wrong about. */
const distinctMin = 6
const resamples = 1_000

/** Null with fewer than six different N. Points without a good answer are left out. */
export const fitUsl = (measured: readonly UslPoint[], seed = 1): UslFit | null => {
  const points = measured
    .filter(({ inFlight, measured: x }) => inFlight >= 1 && x > 0 && inFlight * x < Infinity)
    .toSorted((a, b) => a.inFlight - b.inFlight)
  if (new Set(points.map(({ inFlight }) => inFlight)).size < distinctMin) return null
  const best = leastSquares(points)
  const fitted = points.map((point) => ({ ...point, fitted: uslAt(best, point.inFlight) }))
  const intervals = bootstrap(fitted, seed)
  const fit = { ...best, intervals, points: fitted, peakInFlight: peakOf(best, intervals, points) }
  return { ...fit, explanation: explainUsl(fit) }
}

/** Meaningless unless the data show a beta at all, and only near what was measured. */
const peakOf = (
  { alpha, beta }: UslParameters,
  intervals: UslFit['intervals'],
  points: readonly UslPoint[],
): number | null => {
  if (!(intervals.beta[0] > 0)) return null
  const peak = Math.sqrt((1 - alpha) / beta)
  const [least = NaN, most = NaN] = [points[0]?.inFlight, points.at(-1)?.inFlight]
  return peak >= Math.max(1, least / reach) && peak <= most * reach ? peak : null
}

/**
 * N/X = p + q N + c N (N-1) is linear in its coefficients; gamma = 1/(p+q), alpha = q/(p+q) and
 * beta = c/(p+q). None may be negative, which keeps 0 <= alpha <= 1. Errors count in proportion to
 * the value, as the noise of a benchmark does. So the few small N weigh as much as the large. The
 * best of all sets of coefficients that are not zero is the optimum: no search that could go
 * astray.
 */
const leastSquares = (points: readonly UslPoint[]): UslParameters => {
  const rows = points.map(({ inFlight: n, measured: x }) =>
    [1, n, n * (n - 1)].map((term) => (term * x) / n),
  )
  let best = { error: Infinity, coefficients: [0, 0, 0] }
  for (const chosen of [[0], [1], [0, 1], [0, 2], [1, 2], [0, 1, 2]]) {
    const solution = solve(rows, chosen)
    if (!solution?.every((value) => value > 0)) continue
    const coefficients = [0, 1, 2].map((index) => solution[chosen.indexOf(index)] ?? 0)
    const error = rows.reduce((sum, row) => sum + (dot(row, coefficients) - 1) ** 2, 0)
    // A coefficient more must earn its place: exact data would else get one of 1e-18.
    if (error < best.error - 1e-12 * rows.length) best = { error, coefficients }
  }
  const [p = 0, q = 0, c = 0] = best.coefficients
  return { gamma: 1 / (p + q), alpha: q / (p + q), beta: c / (p + q) }
}

/** The coefficients of the chosen columns that bring every row nearest to 1; null if they are alike. */
const solve = (rows: readonly (readonly number[])[], chosen: readonly number[]) => {
  // Columns of length one: N (N-1) is a million times 1.
  const lengths = chosen.map((column) => Math.hypot(...rows.map((row) => row[column] ?? 0)))
  const columns = chosen.map((column, i) =>
    rows.map((row) => (row[column] ?? 0) / (lengths[i] ?? 1)),
  )
  const matrix = columns.map((one) => columns.map((other) => dot(one, other)))
  const right = columns.map((one) => one.reduce((sum, value) => sum + value, 0))
  const whole = determinant(matrix)
  if (!(whole > 1e-10)) return null
  // Cramer's rule: at most three unknowns.
  return lengths.map((length, i) => {
    const replaced = matrix.map((row, r) => row.with(i, right[r] ?? 0))
    return determinant(replaced) / whole / length
  })
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)

const determinant = (matrix: readonly (readonly number[])[]): number => {
  const [first = [], ...rest] = matrix
  if (rest.length === 0) return first[0] ?? 1
  return first.reduce((sum, value, i) => {
    const minor = rest.map((row) => row.toSpliced(i, 1))
    return sum + (i % 2 === 0 ? 1 : -1) * value * determinant(minor)
  }, 0)
}

/** Fits to the fitted curve with the residuals dealt out anew, again and again. */
const bootstrap = (points: UslFit['points'], seed: number): UslFit['intervals'] => {
  const random = randomFrom(seed)
  const logs = points.map(({ measured, fitted }) => Math.log(measured / fitted))
  const center = mean(logs)
  // Residuals of a fit are smaller than the noise they stand for: it bent towards it.
  const widen = Math.sqrt(points.length / (points.length - 3))
  const residuals = logs.map((log) => Math.exp((log - center) * widen))
  const any = () => residuals[Math.floor(random() * residuals.length)] ?? 1
  const fits = Array.from({ length: resamples }, () =>
    leastSquares(points.map(({ inFlight, fitted }) => ({ inFlight, measured: fitted * any() }))),
  )
  const interval = (name: keyof UslParameters) => {
    const values = fits.map((fit) => fit[name])
    return [percentile(values, 0.025), percentile(values, 0.975)] as const
  }
  return { gamma: interval('gamma'), alpha: interval('alpha'), beta: interval('beta') }
}
