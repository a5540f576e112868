// Decides whether commands wait that nobody applies: from the log's ends and the store's offsets, each
// polled for itself, so that it holds whatever the reason is. Pure; progress.ts polls.

/** A batch takes milliseconds. A lost connection is replaced within 5 s, a rebalance takes up to 10 s. */
export const stalledMsMax = 30_000
/** Before it is called a stall, a consumer that delivers nothing is begun anew, as often as this. */
export const restartEveryMs = 15_000
/** A poll counts as this much time at most: a process that was frozen has waited for nobody. */
export const elapsedMsMax = 12_000

export type Poll = {
  readonly elapsedMs: number
  /** The offset that each partition gives to its next record. Undefined: the log did not answer. */
  readonly ends: ReadonlyMap<number, number> | undefined
  /** The offset that each partition's next applied record has. Undefined: the store did not answer. */
  readonly applied: ReadonlyMap<number, number> | undefined
  readonly isOurs: (partition: number) => boolean
  /** Partitions with a delivery that the sink has not settled. */
  readonly inFlight: ReadonlySet<number>
}

export type Cause = 'log-unavailable' | 'store-unavailable' | 'not-applied' | 'not-delivered'

export type Stall = {
  readonly cause: Cause
  readonly lag: number
  readonly partitions: readonly number[]
}

export type Judgement = {
  readonly stall: Stall | undefined
  /** Log and store answer, commands wait, and none is delivered: kafkajs may be stuck. */
  readonly shouldRestart: boolean
}

type Partition = { end: number; applied: number; waitedMs: number }

export const createStallWatch = () => {
  const partitions = new Map<number, Partition>()
  let undeliveredMs = 0

  return (poll: Poll): Judgement => {
    const elapsedMs = Math.min(poll.elapsedMs, elapsedMsMax)
    for (const partition of poll.ends?.keys() ?? []) {
      if (!partitions.has(partition))
        partitions.set(partition, { end: 0, applied: -1, waitedMs: 0 })
    }
    const stalled: number[] = []
    let isUndelivered = false
    let lag = 0
    for (const [number, known] of partitions) {
      known.end = poll.ends?.get(number) ?? known.end
      const applied = poll.applied ? (poll.applied.get(number) ?? 0) : known.applied
      const isWaiting = poll.isOurs(number) && known.end > applied && applied === known.applied
      known.applied = applied
      known.waitedMs = isWaiting ? known.waitedMs + elapsedMs : 0
      if (isWaiting && !poll.inFlight.has(number)) isUndelivered = true
      if (known.waitedMs < stalledMsMax) continue
      stalled.push(number)
      lag += known.end - applied
    }
    const isAnswered = poll.ends !== undefined && poll.applied !== undefined
    undeliveredMs = isAnswered && isUndelivered ? undeliveredMs + elapsedMs : 0
    const shouldRestart = undeliveredMs >= restartEveryMs
    if (shouldRestart) undeliveredMs = 0
    const stall =
      stalled.length > 0 ? { cause: causeOf(poll, stalled), lag, partitions: stalled } : undefined
    return { stall, shouldRestart }
  }
}

const causeOf = ({ ends, applied, inFlight }: Poll, stalled: readonly number[]): Cause => {
  if (!applied) return 'store-unavailable'
  if (!ends) return 'log-unavailable'
  return stalled.some((partition) => inFlight.has(partition)) ? 'not-applied' : 'not-delivered'
}

const causes: Readonly<Record<Cause, string>> = {
  'log-unavailable': 'the command log does not answer',
  'store-unavailable': 'the database does not answer',
  'not-applied': 'they are delivered and the database applies none',
  'not-delivered': 'the command log answers and delivers none',
}

export const stallText = ({ cause, lag, partitions }: Stall): string =>
  `${lag} commands wait in partitions ${partitions.join(', ')} and none was applied for ` +
  `${stalledMsMax / 1_000} s: ${causes[cause]}`
