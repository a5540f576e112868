// How many requests a second, and how long they take, from totals of all server processes at two moments.
// Pure: who asks whom is in traffic-fork.ts and traffic-primary.ts.

/** What one process has counted since it began. */
export type Totals = {
  readonly requests: number
  /**
   * Of those that are timed, by the seconds that they took at most: each bound has those below it, too, and
   * the last has all.
   */
  readonly durations: readonly (readonly [seconds: number, count: number])[]
}

/** Of one moment, by process. One that is replaced has another key. */
export type Sample = { readonly atMs: number; readonly totals: ReadonlyMap<number, Totals> }

export type Traffic = {
  readonly perSecond: number
  /** Undefined where none was timed. */
  readonly p99Ms: number | undefined
  /** Over how long. */
  readonly seconds: number
}

/** Of processes that reported at both: one that is new, or was too busy, is counted a while later. */
export const trafficBetween = (earlier: Sample, later: Sample): Traffic => {
  let requests = 0
  const durations = new Map<number, number>()
  for (const [key, now] of later.totals) {
    const before = earlier.totals.get(key)
    if (!before) continue
    requests += now.requests - before.requests
    const counted = new Map(before.durations)
    for (const [seconds, count] of now.durations) {
      const added = count - (counted.get(seconds) ?? 0)
      durations.set(seconds, (durations.get(seconds) ?? 0) + added)
    }
  }
  const seconds = (later.atMs - earlier.atMs) / 1_000
  const p99 = quantile(0.99, [...durations])
  return { perSecond: requests / seconds, p99Ms: p99 && p99 * 1_000, seconds }
}

/** As Prometheus has it: between two bounds, as if evenly spread; past the one before the last, that bound. */
const quantile = (share: number, buckets: Totals['durations'][number][]): number | undefined => {
  const sorted = buckets.toSorted(([a], [b]) => a - b)
  const all = sorted.at(-1)?.[1] ?? 0
  if (all === 0) return undefined
  const rank = share * all
  let [lower, below] = [0, 0]
  for (const [upper, count] of sorted.slice(0, -1)) {
    if (count >= rank) return lower + ((upper - lower) * (rank - below)) / (count - below)
    ;[lower, below] = [upper, count]
  }
  return lower
}
