// What a fit of the Universal Scalability Law says, in plain words: where more load stops helping, and
// which terms the data show at all. It also says how far the curve may be trusted.

import type { UslFit } from '../result.ts'
import { reach, uslAt } from './usl-curve.ts'

type Fit = Omit<UslFit, 'explanation'>

/** Less than this for twice the load is no longer help. */
const helpMin = 0.1
/** A curve that misses by more than this is not the law of these points. */
const missMax = 0.1
const sideMin = 2

export const explainUsl = (fit: Fit): string =>
  [
    'N is the number of requests in flight: connections x pipelining, on the same servers.',
    whereItStops(fit),
    ...activeBounds(fit),
    ...trust(fit),
  ].join(' ')

const whole = (value: number): string => Math.round(value).toLocaleString('en-US')
const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)}%`
const leastOf = ({ points }: Fit): number => points[0]?.inFlight ?? 1
const mostOf = ({ points }: Fit): number => points.at(-1)?.inFlight ?? 1

const whereItStops = (fit: Fit): string => {
  const { gamma, alpha, beta, peakInFlight } = fit
  const [least, most] = [leastOf(fit), mostOf(fit)]
  if (peakInFlight !== null) {
    const top = whole(uslAt(fit, peakInFlight))
    const where = peakInFlight > most || peakInFlight < least ? ' (itself not measured)' : ''
    return `Adding load stops helping at about N = ${whole(peakInFlight)}${where}, with ${top} answers a second; past that, more load brings less.`
  }
  if (alpha === 0 && beta === 0) {
    return `Throughput grew in proportion to the load (${whole(gamma)} answers a second for each request in flight): no end of it is in sight up to N = ${most}.`
  }
  const gain = uslAt(fit, reach * most) / uslAt(fit, most) - 1
  const outlook =
    gain < 0
      ? `twice the largest load measured (N = ${most}) would bring less, not more`
      : `twice the largest load measured (N = ${most}) would bring ${percent(gain)} more`
  if (helpAt(fit, least) < helpMin) {
    return `Adding load had stopped helping at the least load measured already (N = ${least}): ${outlook}.`
  }
  if (helpAt(fit, most) >= helpMin) return `More load still helps at N = ${most}: ${outlook}.`
  return `Adding load stops helping at about N = ${whole(helpEnd(fit, least, most))}: from there on twice the load brings less than ${percent(helpMin)} more; ${outlook}.`
}

const helpAt = (fit: Fit, inFlight: number): number =>
  uslAt(fit, 2 * inFlight) / uslAt(fit, inFlight) - 1

/** Help only ever shrinks with N. */
const helpEnd = (fit: Fit, least: number, most: number): number => {
  let [low, high] = [least, most]
  while (high - low > 0.01 * low) {
    const middle = (low + high) / 2
    if (helpAt(fit, middle) < helpMin) high = middle
    else low = middle
  }
  return high
}

const activeBounds = ({ alpha, beta, intervals, peakInFlight }: Fit): string[] => {
  const found: string[] = []
  if (alpha === 0) found.push('alpha is at its bound of 0: no waiting in line was seen.')
  if (alpha === 1) found.push('alpha is at its bound of 1: everything waits in one line.')
  if (beta === 0) found.push('beta is at its bound of 0: no load was seen to slow the others down.')
  else if (intervals.beta[0] <= 0) {
    found.push('The interval of beta includes 0: whether there is a peak is unknown.')
  } else if (peakInFlight === null) {
    found.push('The peak of the curve is too far from the loads measured to be named.')
  }
  return found
}

const trust = (fit: Fit): string[] => {
  const { points } = fit
  const misses = points.map(({ measured, fitted }) => Math.abs(measured / fitted - 1))
  const worst = misses.indexOf(Math.max(...misses))
  const miss = misses[worst] ?? 0
  const at = `it misses the points by at most ${percent(miss)} (at N = ${points[worst]?.inFlight ?? ''})`
  return [
    miss > missMax
      ? `Trust the curve little: ${at}, so something besides load differed between them.`
      : `The curve holds for loads like those measured: ${at}.`,
    ...sides(fit),
    `Nothing is claimed beyond N = ${whole(reach * mostOf(fit))}.`,
  ]
}

/** The knee: where the straight line of the small loads would meet the highest of the curve. */
const kneeOf = (fit: Fit): number | null => {
  if (fit.peakInFlight !== null) return uslAt(fit, fit.peakInFlight) / fit.gamma
  return fit.alpha > 0 ? 1 / fit.alpha : null
}

const sides = (fit: Fit): string[] => {
  const knee = kneeOf(fit)
  const loads = [...new Set(fit.points.map(({ inFlight }) => inFlight))]
  const before = loads.filter((inFlight) => knee === null || inFlight < knee).length
  if (loads.length - before < sideMin) {
    return [
      'All points but at most one lie before the knee, so where it is was not measured: add larger loads.',
    ]
  }
  if (before < sideMin) {
    return [
      'All points but at most one lie beyond the knee, so gamma and alpha are guesses about loads that were not measured: add smaller ones.',
    ]
  }
  return []
}
