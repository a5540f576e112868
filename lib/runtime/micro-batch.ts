// Lets concurrent callers share one send. One send is in flight at a time; whatever arrives
// meanwhile forms the next one, so batches grow with the load. Only behind a large send is there a pause.
// What waits is bounded in number and in bytes, and the caller says where a batch ends.
// Knows nothing of Kafka or commands.

import { setTimeout as delay } from 'node:timers/promises'

export type BatchOutcome<Receipt = unknown> =
  /** `receipt`: what `send` resolved with for this item, if it did. */
  | { readonly kind: 'acknowledged'; readonly receipt?: Receipt | undefined }
  /** Certainly not sent: a retry cannot double anything. */
  | { readonly kind: 'refused'; readonly cause: RefusalCause; readonly reason: string }
  /** Sent, and no answer: it may or may not have happened. */
  | { readonly kind: 'unknown'; readonly reason: string }

/** A closed set, for those who count. */
export const refusalCauses = [
  'queue-full',
  'waited-too-long',
  'log-unresponsive',
  'log-unavailable',
  'too-large',
  'log-closed',
] as const
export type RefusalCause = (typeof refusalCauses)[number]

export type MicroBatch<Item, Receipt> = {
  /** Never rejects. `refused` at once when as many items, or bytes, wait or fly as may. */
  add(item: Item): Promise<BatchOutcome<Receipt>>
  /** Resolves when nothing waits and nothing flies. */
  idle(): Promise<void>
  pending(): number
  /** How long the send that is in flight has been; 0 while none is. */
  inFlightMs(): number
}

/** Throw this from `send` when nothing left the process: the items are refused, not unknown. */
export class NotSent extends Error {
  override readonly name = 'NotSent'
  readonly refusal: RefusalCause
  constructor(reason: string, refusal: RefusalCause = 'log-unavailable') {
    super(reason)
    this.refusal = refusal
  }
}

/**
 * Throw this from `send` when the same items can be sent again, in smaller batches, without doing
 * harm twice. They go back to the head of the queue. What was sent once and is never acknowledged
 * is unknown, not refused, unless `isNothingTaken`.
 */
export class SendSmaller extends Error {
  override readonly name = 'SendSmaller'
  readonly isNothingTaken: boolean
  constructor(reason: string, isNothingTaken: boolean) {
    super(reason)
    this.isNothingTaken = isNothingTaken
  }
}

type Sent<Receipt> = Promise<void> | Promise<readonly (Receipt | undefined)[]>

type Waiting<Item, Receipt> = {
  readonly item: Item
  readonly bytes: number
  readonly addedAtMs: number
  readonly settle: (outcome: BatchOutcome<Receipt>) => void
  /** It was sent before: a later refusal proves nothing. */
  inDoubt: boolean
}

/**
 * From the start of one large send to that of the next: what a send costs the log, whatever is in it, is
 * shared by what comes meanwhile.
 */
const largeSendIntervalMs = 3
/** Items that make a send a large one: while there are fewer, nobody is kept waiting. */
const largeFrom = 8
/** How often those that wait are checked, while a send is in flight. */
const pollIntervalMs = 25

/**
 * `send` must settle in bounded time: its deadline is the bound on how long those that fly are in
 * doubt. Nothing waits unsent for longer than `waitMaxMs`, and nothing is accepted while a send has
 * been in flight for longer than that: whoever answers sends is down.
 */
export const createMicroBatch = <Item, Receipt = never>(options: {
  readonly pendingMax: number
  readonly pendingBytesMax: number
  readonly batchMax: number
  readonly waitMaxMs: number
  readonly bytesOf: (item: Item) => number
  /**
   * Called for each batch; what it returns is asked of one waiting item after the other, in order,
   * and the first `false` ends the batch. The first item is in it whatever the answer.
   */
  readonly beginBatch: () => (item: Item) => boolean
  /** Resolves with a receipt for each item, in their order, where it has any. */
  readonly send: (items: Item[]) => Sent<Receipt>
  readonly nowMs?: () => number
}): MicroBatch<Item, Receipt> => {
  const { pendingMax, pendingBytesMax, batchMax, waitMaxMs, bytesOf, beginBatch, send } = options
  const nowMs = options.nowMs ?? (() => performance.now())
  const waiting: Waiting<Item, Receipt>[] = []
  let pendingBytes = 0
  let flying = 0
  let flyingSinceMs = 0
  let running = false
  let onIdle: (() => void)[] = []

  const run = async () => {
    const looking = setInterval(refuseLate, pollIntervalMs)
    // Requests that are read in one turn of the event loop share a send: the first, and also one that
    // begins when an answer is read, for what waits in the sockets beside it would make one more.
    for (;;) {
      await turnEnd()
      refuseLate()
      if (waiting.length === 0) break
      const batch = waiting.splice(0, nextLength())
      flying = batch.length
      flyingSinceMs = nowMs()
      const outcome = await outcomeOf(() => send(batch.map((one) => one.item)))
      const restMs = flyingSinceMs + largeSendIntervalMs - nowMs()
      flying = 0
      if (outcome instanceof SendSmaller) {
        for (const one of batch) one.inDoubt ||= !outcome.isNothingTaken
        waiting.unshift(...batch)
      } else if ('receipts' in outcome) {
        for (const [i, one] of batch.entries())
          settle(one, { kind: 'acknowledged', receipt: outcome.receipts?.[i] })
      } else {
        for (const one of batch) settle(one, outcome)
      }
      if (restMs > 0 && batch.length >= largeFrom) await delay(restMs)
    }
    clearInterval(looking)
    running = false
    for (const resolve of onIdle) resolve()
    onIdle = []
  }

  const nextLength = () => {
    const fits = beginBatch()
    let length = 0
    for (const { item } of waiting) {
      if (length === batchMax || (!fits(item) && length > 0)) break
      length++
    }
    return length
  }

  const settle = (one: Waiting<Item, Receipt>, outcome: BatchOutcome<Receipt>) => {
    pendingBytes -= one.bytes
    const { kind } = outcome
    one.settle(
      kind === 'refused' && one.inDoubt ? { kind: 'unknown', reason: outcome.reason } : outcome,
    )
  }

  const refuseLate = () => {
    const tooOldMs = nowMs() - waitMaxMs
    const firstInTime = waiting.findIndex((one) => one.addedAtMs >= tooOldMs)
    const late = waiting.splice(0, firstInTime === -1 ? waiting.length : firstInTime)
    const reason = 'waited too long to be sent'
    for (const one of late) settle(one, { kind: 'refused', cause: 'waited-too-long', reason })
  }

  return {
    add(item) {
      const addedAtMs = nowMs()
      const bytes = bytesOf(item)
      if (waiting.length + flying >= pendingMax || pendingBytes + bytes > pendingBytesMax) {
        const reason = 'too many writes are waiting'
        return Promise.resolve({ kind: 'refused', cause: 'queue-full', reason })
      }
      if (flying > 0 && addedAtMs - flyingSinceMs > waitMaxMs) {
        const reason = `no acknowledgement for over ${waitMaxMs} ms`
        return Promise.resolve({ kind: 'refused', cause: 'log-unresponsive', reason })
      }
      return new Promise((settle) => {
        waiting.push({ item, bytes, addedAtMs, settle, inDoubt: false })
        pendingBytes += bytes
        if (running) return
        running = true
        void run()
      })
    },
    idle: () => (running ? new Promise((resolve) => onIdle.push(resolve)) : Promise.resolve()),
    pending: () => waiting.length + flying,
    inFlightMs: () => (flying > 0 ? nowMs() - flyingSinceMs : 0),
  }
}

const turnEnd = () => new Promise<void>((resolve) => setImmediate(resolve))

type Failure = Exclude<BatchOutcome, { readonly kind: 'acknowledged' }>

const outcomeOf = async <Receipt>(
  send: () => Sent<Receipt>,
): Promise<
  { readonly receipts: readonly (Receipt | undefined)[] | undefined } | Failure | SendSmaller
> => {
  try {
    return { receipts: (await send()) ?? undefined }
  } catch (error) {
    if (error instanceof SendSmaller) return error
    const reason = error instanceof Error ? error.message : String(error)
    return error instanceof NotSent
      ? { kind: 'refused', cause: error.refusal, reason }
      : { kind: 'unknown', reason }
  }
}
