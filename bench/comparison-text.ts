// Sentences that the sweep of settings and the comparison of two have in common. Pure.

import type { Metric } from './analysis/figures.ts'
import type { PairedRatio } from './analysis/statistics.ts'
import type { Sample } from './rounds.ts'

/** `1.18x (1.15 to 1.21)`, with as many digits as it takes to see on which side of 1 it is. */
export const showRatio = ({ ratio, low, high, isReal }: PairedRatio): string => {
  const nearest = low > 1 ? low : high
  const isSeen = (digits: number) => Number(nearest.toFixed(digits)) !== 1
  const digits = isReal ? ([2, 3, 4].find(isSeen) ?? 4) : 2
  return `${ratio.toFixed(digits)}x (${low.toFixed(digits)} to ${high.toFixed(digits)})`
}

/** What was measured and is not used, and why. */
export const invalidLines = (samples: readonly Sample[]): string[] =>
  samples.flatMap(({ name, round, fault }) =>
    fault === null ? [] : [`Dropped: round ${round} of ${name}: ${fault}.`],
  )

/** Where the load is made on the cores that serve it, good-put holds the generator's work too. */
export const machineFullNote = (samples: readonly Sample[], metric: Metric): string[] =>
  metric === 'goodput' && samples.some(({ limitedBy }) => limitedBy === 'the machine')
    ? [
        'All cores were busy, with the generator among those who used them: good-put shows less of a difference than the servers have. CPU per good answer (--metric cpu) is theirs alone.',
      ]
    : []
