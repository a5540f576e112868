// What repeated measurements say: means, Student's t, and the ratio of two things that were measured
// in turn. Pure, checked on paper. The median is in engines/summary.ts.

/** With fewer pairs the interval says nothing: at two the quantile is 12.7. */
export const pairsMin = 3
const confidence = 0.95

/** b / a over paired rounds: what both shared in a round (the machine's mood) cancels out. */
export type PairedRatio = {
  /** The geometric mean of the rounds' ratios: 2x and 0.5x make 1x. */
  readonly ratio: number
  readonly low: number
  readonly high: number
  readonly pairs: number
  /** The interval excludes 1. */
  readonly isReal: boolean
}

/**
 * Null with fewer than `pairsMin` pairs. With several `comparisons` each interval is wider
 * (Bonferroni), so that all of them hold at once in 95 of 100 runs. Else one of twenty settings
 * that do nothing would look like a find.
 */
export const pairedRatio = (
  pairs: readonly (readonly [a: number, b: number])[],
  comparisons = 1,
): PairedRatio | null => {
  if (pairs.length < pairsMin) return null
  const logs = pairs.map(([a, b]) => {
    if (!(a > 0 && b > 0 && a < Infinity && b < Infinity)) {
      throw new RangeError(`a ratio needs two positive numbers, not ${a} and ${b}`)
    }
    return Math.log(b / a)
  })
  const center = mean(logs)
  const quantile = studentQuantile(logs.length - 1, 1 - (1 - confidence) / comparisons)
  const half = (quantile * standardDeviation(logs)) / Math.sqrt(logs.length)
  return {
    ratio: Math.exp(center),
    low: Math.exp(center - half),
    high: Math.exp(center + half),
    pairs: logs.length,
    isReal: Math.abs(center) > half,
  }
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/** The standard deviation of a sample: over n - 1. */
export const standardDeviation = (values: readonly number[]): number => {
  const center = mean(values)
  const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0)
  return Math.sqrt(squares / (values.length - 1))
}

/** The t that holds `share` of Student's distribution between -t and t. */
export const studentQuantile = (freedom: number, share: number): number => {
  // Bisection over the angle: the distribution is a finite sum there, without a tail to overflow.
  let low = 0
  let high = Math.PI / 2
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    if (shareWithin(middle, freedom) < share) low = middle
    else high = middle
  }
  return Math.sqrt(freedom) * Math.tan((low + high) / 2)
}

/** P(|T| < sqrt(freedom) tan(angle)): Abramowitz and Stegun, 26.7.3 and 26.7.4. */
const shareWithin = (angle: number, freedom: number): number => {
  const cosine = Math.cos(angle)
  const isOdd = freedom % 2 === 1
  let term = isOdd ? cosine : 1
  let sum = freedom === 1 ? 0 : term
  for (let k = isOdd ? 3 : 2; k < freedom; k += 2) {
    term *= ((k - 1) / k) * cosine ** 2
    sum += term
  }
  return isOdd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum
}
