// Events of a channel that are due together, so that each socket gets one write for all of them: a write
// costs the kernel several times what an event costs us. Between batches a channel rests as long as the
// last one took. So the more there is to do, the more goes into one write, and a channel that many watch
// leaves half of the process to others.

import type { ChannelPosition } from '../../lib/domain/event.ts'
import type { LiveEvent } from './live-event.ts'

/** In order. The same for all who watch: what is made of it is made once. */
export class Batch {
  readonly events: readonly LiveEvent[]
  readonly first: ChannelPosition
  readonly last: ChannelPosition
  #messages: readonly Buffer[] | undefined

  constructor(events: readonly [LiveEvent, ...LiveEvent[]]) {
    this.events = events
    this.first = events[0].position
    this.last = events.at(-1)?.position ?? this.first
  }

  /** For a WebSocket. */
  get messages(): readonly Buffer[] {
    return (this.#messages ??= this.events.map(({ message }) => message))
  }
}

export type Batches = {
  push(event: LiveEvent): void
  /** What was pushed is passed on now. */
  flush(): void
}

/** One client's bound is checked between batches; a single event may be larger. */
const batchBytesMax = 65_536
/** An event is late by this at most, however many watch. */
const restMsMax = 100

export const createBatches = (
  deliver: (batch: Batch) => void,
  nowMs: () => number = () => performance.now(),
): Batches => {
  let pending: LiveEvent[] = []
  let restUntilMs = 0
  let cancel: (() => void) | undefined

  const flush = () => {
    cancel?.()
    cancel = undefined
    if (pending.length === 0) return
    const events = pending
    pending = []
    const startMs = nowMs()
    for (const batch of batchesOf(events)) deliver(batch)
    const endMs = nowMs()
    restUntilMs = endMs + Math.min(endMs - startMs, restMsMax)
  }

  return {
    push(event) {
      pending.push(event)
      if (cancel) return
      const restMs = restUntilMs - nowMs()
      if (restMs > 0) {
        const timer = setTimeout(flush, restMs)
        cancel = () => clearTimeout(timer)
      } else {
        // What else arrives in this turn of the event loop goes along.
        const immediate = setImmediate(flush)
        cancel = () => clearImmediate(immediate)
      }
    },
    flush,
  }
}

function* batchesOf(events: readonly LiveEvent[]): Generator<Batch> {
  let some: LiveEvent[] = []
  let bytes = 0
  for (const event of events) {
    if (bytes + event.bytes > batchBytesMax && isFilled(some)) {
      yield new Batch(some)
      some = []
      bytes = 0
    }
    some.push(event)
    bytes += event.bytes
  }
  if (isFilled(some)) yield new Batch(some)
}

const isFilled = (events: LiveEvent[]): events is [LiveEvent, ...LiveEvent[]] => events.length > 0
