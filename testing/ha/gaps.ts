// The longest time in which nothing happened, of moments in any order.

export const longestGapMs = (moments: readonly number[]): number => {
  const sorted = [...moments].sort((a, b) => a - b)
  return sorted.reduce((most, one, i) => Math.max(most, one - (sorted[i - 1] ?? one)), 0)
}
