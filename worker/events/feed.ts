// Appends what batches have left in the outbox, in order, and again until it is kept. Workers go on
// applying meanwhile: past a bound they leave only that something happened, and every reader reads anew.
//
// Any worker may append what another has left: rows of a source are appended from the first on, and
// whoever keeps events ignores those that it has. So nothing is lost or doubled by a worker that dies, or
// by two that hold one partition.

import { setTimeout as delay } from 'node:timers/promises'
import { keptEvents } from '../../lib/domain/event.ts'
import type { EventAppender, EventBatch } from '../../lib/events/events.ts'
import type { Log } from '../../lib/runtime/log.ts'
import type {
  LeftEvent,
  OutboxRow,
  OutboxSlot,
  TodoStore,
} from '../../lib/todo-store/todo-store.ts'
import { createdEvent } from './bodies.ts'

export type EventFeed = {
  start(): void
  /** To be called when a partition's position was read anew: another worker may have left something. */
  take(source: string): Promise<void>
  /** Where the batch that ends at `number` leaves its events. */
  slotOf(source: string, number: number): OutboxSlot
  /** The batch is committed. */
  left(slot: OutboxSlot, events: readonly LeftEvent[]): void
  /** Why nothing is appended; undefined while it is. */
  fault(): string | undefined
  readonly counts: EventFeedCounts
  /** Events that wait, and for how long the first of them has. */
  waiting(): { readonly events: number; readonly seconds: number }
  /** Appends what it can in one more attempt. */
  close(): Promise<void>
}

export type EventFeedCounts = {
  appended: number
  /** Attempts that failed. */
  failed: number
  /** Times that there were too many. */
  resets: number
}

/** From one append to the next: what comes meanwhile goes together, and costs little more than one. */
const intervalMs = 20
/** Bodies, and events, in one append. With more, a channel's newest would be more than is kept or read. */
const appendBytesMax = 262_144
const appendEventsMax = keptEvents
/** Bodies that wait, of one source: some 40,000 events. */
export const waitingBytesMax = 16_777_216
const firstRetryMs = 100
const lastRetryMs = 2_000
/** The outbox is looked through this often for what nobody appends or deletes. */
const pollMs = 1_000
/** Rows that are older are nobody's: of a worker that is gone, or of the last batch before a pause. */
const leftForSec = 2
/** Rows that one poll appends of a source. */
const sweptRowsMax = 50

type Left = OutboxRow & { readonly bytes: number; readonly leftMs: number }
type Queue = { rows: Left[]; bytes: number; appended: number; isResetting: boolean }

export const createEventFeed = (
  store: Pick<TodoStore, 'readOutbox' | 'outboxSources' | 'clearOutbox'>,
  appender: Pick<EventAppender, 'append' | 'reset'>,
  log: Log,
  bytesMax = waitingBytesMax,
): EventFeed => {
  const queues = new Map<string, Queue>()
  const counts: EventFeedCounts = { appended: 0, failed: 0, resets: 0 }
  let fault: string | undefined
  let running: Promise<void> | undefined
  let isClosing = false
  let poll: NodeJS.Timeout | undefined
  let polling = Promise.resolve()

  const queueOf = (source: string): Queue => {
    let queue = queues.get(source)
    if (!queue)
      queues.set(source, (queue = { rows: [], bytes: 0, appended: -1, isResetting: false }))
    return queue
  }
  const empty = (queue: Queue) => {
    queue.rows = []
    queue.bytes = 0
  }
  const add = (queue: Queue, { number, events }: OutboxRow) => {
    if (events === 'too-many') empty(queue)
    const bytes = events === 'too-many' ? 0 : bytesOf(events)
    queue.rows.push({ number, events, bytes, leftMs: performance.now() })
    queue.bytes += bytes
    wake()
  }

  const failed = (error: Error) => {
    counts.failed++
    if (fault === undefined) {
      log.warn(
        { reason: error.message },
        'events are not appended, clients hear nothing: trying again',
      )
    }
    fault = error.message
  }
  const succeeded = () => {
    if (fault !== undefined) log.warn('events are appended again')
    fault = undefined
  }

  const done = (source: string, number: number) => {
    const queue = queueOf(source)
    queue.appended = Math.max(queue.appended, number)
    queue.rows = queue.rows.filter((row) => row.number > number)
    queue.bytes = queue.rows.reduce((sum, row) => sum + row.bytes, 0)
  }

  /** What may follow what was appended last, of all sources. */
  const next = (): EventBatch[] => {
    const batches: EventBatch[] = []
    let bytes = 0
    let count = 0
    for (const [source, { rows }] of queues) {
      for (const row of rows) {
        if (row.events === 'too-many') break
        bytes += row.bytes
        count += row.events.length
        const isTooMuch = bytes > appendBytesMax || count > appendEventsMax
        if (isTooMuch && batches.length > 0) return batches
        batches.push({ source, number: row.number, events: row.events })
      }
    }
    return batches
  }

  const appendOnce = async () => {
    const lost = [...queues].filter(([, { rows }]) => rows[0]?.events === 'too-many')
    if (lost.length > 0) {
      // What is left from here on is told again, and comes after this.
      const numbers = lost.map(([source, queue]) => {
        queue.isResetting = true
        return [source, queue.rows[0]?.number ?? -1] as const
      })
      try {
        await appender.reset()
      } finally {
        for (const [, queue] of lost) queue.isResetting = false
      }
      counts.resets++
      log.warn('too many events waited: clients were told to read their lists anew')
      for (const [source, number] of numbers) done(source, number)
    }
    const batches = next()
    if (batches.length === 0) return
    await appender.append(batches)
    for (const { source, number, events } of batches) {
      counts.appended += events.length
      done(source ?? '', number)
    }
  }

  const isWaiting = (source: string) => (queues.get(source)?.rows.length ?? 0) > 0

  const run = async () => {
    let retryMs = firstRetryMs
    while ([...queues.keys()].some(isWaiting)) {
      const startedMs = performance.now()
      try {
        await appendOnce()
        succeeded()
        retryMs = firstRetryMs
        const restMs = intervalMs - (performance.now() - startedMs)
        if (restMs > 0 && !isClosing) await delay(restMs)
      } catch (error) {
        failed(error as Error)
        if (isClosing) break
        await delay(retryMs, undefined, { signal: closing.signal }).catch(() => {})
        retryMs = Math.min(retryMs * 2, lastRetryMs)
      }
    }
    running = undefined
  }
  const closing = new AbortController()
  const wake = () => {
    running ??= run()
  }

  /** What nobody appends or forgets. */
  const sweep = async () => {
    const sources = await store.outboxSources(leftForSec)
    for (const source of sources) {
      if (isWaiting(source)) continue
      const rows = await store.readOutbox(source, sweptRowsMax, createdEvent)
      const appended = queues.get(source)?.appended ?? -1
      const left = rows.filter(({ number }) => number > appended)
      if (left.length > 0) await appendLeft(source, left).then(succeeded, failedSweep)
      await store.clearOutbox(source, rows.at(-1)?.number ?? -1)
    }
    if (sources.length === 0) succeeded()
  }
  const failedSweep = (error: Error) => {
    failed(error)
    throw error
  }
  const appendLeft = async (source: string, rows: readonly OutboxRow[]) => {
    if (rows.some(({ events }) => events === 'too-many')) {
      await appender.reset()
      counts.resets++
    }
    const batches = rows.flatMap(({ number, events }) =>
      events === 'too-many' ? [] : [{ source, number, events }],
    )
    await appender.append(batches)
    for (const { events } of batches) counts.appended += events.length
  }

  return {
    start() {
      const look = () => {
        polling = sweep()
          .catch((error: unknown) => log.debug({ reason: (error as Error).message }, 'outbox'))
          .finally(() => {
            if (!isClosing) poll = setTimeout(look, pollMs).unref()
          })
      }
      look()
    },
    async take(source) {
      const rows = await store.readOutbox(source, Infinity, createdEvent)
      const queue = queueOf(source)
      empty(queue)
      for (const row of rows) if (row.number > queue.appended) add(queue, row)
    },
    slotOf(source, number) {
      const { rows, bytes, appended, isResetting } = queueOf(source)
      const isLost = rows[0]?.events === 'too-many' && !isResetting
      return { source, number, appended, isFull: isLost || bytes > bytesMax }
    },
    left({ source, number, isFull }, events) {
      if (isFull) add(queueOf(source), { number, events: 'too-many' })
      else if (events.length > 0) add(queueOf(source), { number, events })
    },
    fault: () => fault,
    counts,
    waiting() {
      let events = 0
      let firstMs = Infinity
      for (const { rows } of queues.values()) {
        for (const row of rows) events += row.events === 'too-many' ? 1 : row.events.length
        firstMs = Math.min(firstMs, rows[0]?.leftMs ?? Infinity)
      }
      return { events, seconds: Math.max(0, (performance.now() - firstMs) / 1_000) }
    },
    async close() {
      isClosing = true
      clearTimeout(poll)
      closing.abort()
      await polling
      await running
    },
  }
}

const bytesOf = (events: readonly LeftEvent[]): number =>
  events.reduce((sum, { channel, body = '' }) => sum + channel.length + body.length, 0)
