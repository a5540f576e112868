// Waits until all that was left in the outbox is appended: by whoever, a worker that died included.

import { setTimeout as delay } from 'node:timers/promises'
import type { TodoStore } from '../../lib/todo-store/todo-store.ts'

const askEveryMs = 200
/** A sweep appends what a worker has left for two seconds, and comes each second. */
const timeoutMsDefault = 8_000

/** Rejects when it takes long: events can't be appended now. */
export const untilAppended = async (
  store: Pick<TodoStore, 'outboxSources'>,
  timeoutMs = timeoutMsDefault,
): Promise<void> => {
  const startedMs = performance.now()
  for (;;) {
    // What was left since is of later changes.
    const waitedMs = performance.now() - startedMs
    const sources = await store.outboxSources(waitedMs / 1_000)
    if (sources.length === 0) return
    if (waitedMs > timeoutMs) throw new Error('events of before are not appended yet')
    await delay(askEveryMs)
  }
}
