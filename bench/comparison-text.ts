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

/** "No significant difference" is worth as much as the difference that could have been. */
export const unseen = (ratios: readonly PairedRatio[]): string[] => {
  const dull = ratios.filter(({ isReal }) => !isReal)
  if (dull.length === 0) return []
  const widest = Math.max(...dull.map(({ low, high }) => Math.sqrt(high / low) - 1))
  const percent = (widest * 100).toFixed(widest < 0.1 ? 1 : 0)
  return [
    `A difference of less than about ${percent}% could not have been seen; more rounds, longer ones or a quieter machine show smaller ones.`,
  ]
}

/** What was measured and is not used, and why. */
export const invalidLines = (samples: readonly Sample[]): string[] =>
  samples.flatMap(({ name, round, fault }) =>
    fault === null ? [] : [`Dropped: round ${round} of ${name}: ${fault}.`],
  )

/** Where the load is made on the cores that serve it, goodput holds the generator's work too. */
export const machineFullNote = (samples: readonly Sample[], metric: Metric): string[] =>
  metric === 'goodput' && samples.some(({ limitedBy }) => limitedBy === 'the machine')
    ? [
        'All cores were busy, with the generator among those who used them: goodput shows less of a difference than the servers have. CPU per good answer (--metric cpu) is theirs alone.',
      ]
    : []
