// The newest todos, before a process listens: it has nothing to serve without them. A store that is slow
// is waited for. One that is gone is not: the process says so, and is started again later.

import { setTimeout as delay } from 'node:timers/promises'
import { NoAnswer } from '../../../lib/runtime/deadline.ts'
import type { HotLists } from './hot-list.ts'

/**
 * As long as the first process waits for Postgres (main.ts). With the time to become ready it is less
 * than a process may take to start (supervisor.ts).
 */
const waitMsMax = 10_000
const retryMs = 100
const usualLimit = 10

/** Rejects with why the list can't be had. */
export const loadAtStart = async (
  lists: Pick<HotLists, 'load'>,
  waitMs = waitMsMax,
): Promise<void> => {
  const deadlineMs = performance.now() + waitMs
  for (;;) {
    try {
      await lists.load(usualLimit)
      return
    } catch (error) {
      if (!isTooSlow(error)) throw error
      if (performance.now() > deadlineMs) {
        throw new Error(`${(error as Error).message}, asked again for ${waitMs} ms`, {
          cause: error,
        })
      }
    }
    await delay(retryMs)
  }
}

/** Of two clocks, ours and that of Postgres for a statement (57014), either may end it first. */
const isTooSlow = (error: unknown): boolean =>
  error instanceof NoAnswer || (error as { readonly code?: unknown }).code === '57014'
