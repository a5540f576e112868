// Lets concurrent callers share one send. One send is in flight at a time; whatever arrives
// meanwhile forms the next one, so batches grow with the load and an idle caller never waits for a
// timer. Knows nothing of Kafka or commands.

export type BatchOutcome =
  | { readonly kind: 'acknowledged' }
  /** Certainly not sent: a retry cannot double anything. */
  | { readonly kind: 'refused'; readonly cause: RefusalCause; readonly reason: string }
  /** Sent, and no answer: it may or may not have happened. */
  | { readonly kind: 'unknown'; readonly reason: string }

/** A closed set, for those who count. */
export const refusalCauses = [
  'queue-full',
  'waited-too-long',
  'log-silent',
  'log-away',
  'log-closed',
] as const
export type RefusalCause = (typeof refusalCauses)[number]

export type MicroBatch<Item> = {
  /** Never rejects. `refused` at once when `pendingMax` items wait or fly already. */
  add(item: Item): Promise<BatchOutcome>
  /** Resolves when nothing waits and nothing flies. */
  idle(): Promise<void>
  pending(): number
}

/** Throw this from `send` when nothing left the process: the items are refused, not unknown. */
export class NotSent extends Error {
  override readonly name = 'NotSent'
}

type Waiting<Item> = {
  readonly item: Item
  readonly addedAtMs: number
  readonly settle: (outcome: BatchOutcome) => void
}

/** How often those that wait are looked at, while a send flies. */
const lookEveryMs = 25

/**
 * `send` must settle in bounded time: its deadline is the bound on how long those that fly are in
 * doubt. Nothing waits unsent for longer than `waitMaxMs`, and nothing is taken while a send has
 * been flying for longer than that: whoever answers sends is away.
 */
export const createMicroBatch = <Item>(options: {
  readonly pendingMax: number
  readonly batchMax: number
  readonly waitMaxMs: number
  readonly send: (items: Item[]) => Promise<void>
  readonly nowMs?: () => number
}): MicroBatch<Item> => {
  const { pendingMax, batchMax, waitMaxMs, send } = options
  const nowMs = options.nowMs ?? (() => performance.now())
  const waiting: Waiting<Item>[] = []
  let flying = 0
  let flyingSinceMs = 0
  let running = false
  let onIdle: (() => void)[] = []

  const run = async () => {
    const looking = setInterval(refuseLate, lookEveryMs)
    for (refuseLate(); waiting.length > 0; refuseLate()) {
      const batch = waiting.splice(0, batchMax)
      flying = batch.length
      flyingSinceMs = nowMs()
      const outcome = await outcomeOf(() => send(batch.map((one) => one.item)))
      flying = 0
      for (const one of batch) one.settle(outcome)
    }
    clearInterval(looking)
    running = false
    for (const resolve of onIdle) resolve()
    onIdle = []
  }

  const refuseLate = () => {
    const tooOldMs = nowMs() - waitMaxMs
    const firstInTime = waiting.findIndex((one) => one.addedAtMs >= tooOldMs)
    const late = waiting.splice(0, firstInTime === -1 ? waiting.length : firstInTime)
    const reason = 'waited too long to be sent'
    for (const one of late) one.settle({ kind: 'refused', cause: 'waited-too-long', reason })
  }

  return {
    add(item) {
      const addedAtMs = nowMs()
      if (waiting.length + flying >= pendingMax) {
        const reason = 'too many writes are waiting'
        return Promise.resolve({ kind: 'refused', cause: 'queue-full', reason })
      }
      if (flying > 0 && addedAtMs - flyingSinceMs > waitMaxMs) {
        const reason = `no acknowledgement for over ${waitMaxMs} ms`
        return Promise.resolve({ kind: 'refused', cause: 'log-silent', reason })
      }
      return new Promise((settle) => {
        waiting.push({ item, addedAtMs, settle })
        if (running) return
        running = true
        // Requests that were read in the same turn of the event loop share the first send too.
        setImmediate(() => void run())
      })
    },
    idle: () => (running ? new Promise((resolve) => onIdle.push(resolve)) : Promise.resolve()),
    pending: () => waiting.length + flying,
  }
}

const outcomeOf = async (send: () => Promise<void>): Promise<BatchOutcome> => {
  try {
    await send()
    return { kind: 'acknowledged' }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return error instanceof NotSent
      ? { kind: 'refused', cause: 'log-away', reason }
      : { kind: 'unknown', reason }
  }
}
