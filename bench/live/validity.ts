// What makes the figures of a round of bench:live worthless, each a check in one table. Pure.

import { noiseChecks } from '../analysis/checks.ts'
import type { Figures } from './result.ts'

const generatorFullShare = 0.95
/** Fewer have no 99th percentile. */
const eventsMin = 100
/** Events that leave later than this were not sent at the rate that is named. */
const lateShareMax = 0.05

const checks: readonly ((figures: Figures) => string | false)[] = [
  ({ lost }) => lost > 0 && `${lost} deliveries were lost`,
  ({ doubled }) => doubled > 0 && `${doubled} deliveries came twice`,
  ({ refused }) => refused > 0 && `${refused} events were not acknowledged`,
  ({ closed }) => closed > 0 && `${closed} sockets were closed`,
  ({ generatorShare }) =>
    !(generatorShare < generatorFullShare) &&
    `the clients were the bottleneck: ${Math.round(generatorShare * 100)}% busy`,
  ({ perSecond, seconds }) =>
    perSecond * seconds < eventsMin && `too few samples: ${perSecond * seconds} events`,
  ({ publishSeconds, seconds }) =>
    publishSeconds > seconds * (1 + lateShareMax) + 1 &&
    `the events of ${seconds} s took ${publishSeconds.toFixed(1)} s to publish`,
]

export const faultsOf = (figures: Figures): string[] => [
  ...checks.map((check) => check(figures)).filter((fault) => fault !== false),
  ...noiseChecks(figures.noise)
    .filter(({ verdict }) => verdict === 'fail')
    .map(({ name, value, bound }) => `noise: ${name}: ${value} (${bound})`),
]
