// Lets concurrent callers share one send. One send is in flight at a time; whatever arrives
// meanwhile forms the next one, so batches grow with the load and an idle caller never waits for a
// timer. Knows nothing of Kafka or commands.

export type BatchOutcome =
  | { readonly kind: 'acknowledged' }
  /** Certainly not sent: a retry cannot double anything. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Sent, and no answer: it may or may not have happened. */
  | { readonly kind: 'unknown'; readonly reason: string }

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

/**
 * `send` must settle in bounded time: its caller's deadline is the bound on how long items wait.
 * Items that waited longer than `waitMaxMs` for their turn are refused instead of sent.
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
  let waiting: Waiting<Item>[] = []
  let flying = 0
  let running = false
  let onIdle: (() => void)[] = []

  const run = async () => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, batchMax)
      waiting = waiting.slice(batchMax)
      const tooOld = nowMs() - waitMaxMs
      const due = batch.filter((one) => one.addedAtMs >= tooOld)
      for (const one of batch) {
        if (one.addedAtMs < tooOld)
          one.settle({ kind: 'refused', reason: 'waited too long to be sent' })
      }
      if (due.length === 0) continue
      flying = due.length
      const outcome = await outcomeOf(() => send(due.map((one) => one.item)))
      flying = 0
      for (const one of due) one.settle(outcome)
    }
    running = false
    for (const resolve of onIdle) resolve()
    onIdle = []
  }

  return {
    add(item) {
      if (waiting.length + flying >= pendingMax) {
        return Promise.resolve({ kind: 'refused', reason: 'too many writes are waiting' })
      }
      return new Promise((settle) => {
        waiting.push({ item, addedAtMs: nowMs(), settle })
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
    return error instanceof NotSent ? { kind: 'refused', reason } : { kind: 'unknown', reason }
  }
}
