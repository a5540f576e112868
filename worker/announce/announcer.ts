// Tells the list cache which version of the lists the store has, after every change and, in case
// that notification was lost (a crash right after COMMIT, Redis unavailable), again every second.

import { setTimeout as delay } from 'node:timers/promises'
import { announceVersion } from '../../lib/list-cache/announce.ts'
import type { ListCache } from '../../lib/list-cache/list-cache.ts'
import type { Log } from '../../lib/runtime/log.ts'
import type { TodoStore } from '../../lib/todo-store/todo-store.ts'

export type Announcer = {
  /** Begins to announce. Before there are tables it could only complain of them. */
  start(): void
  /** Something was committed. The first is announced at once; those that follow it closely, together. */
  changed(): void
  /** So far. */
  readonly counts: AnnouncementCounts
  close(): Promise<void>
}

export type AnnouncementCounts = { done: number; failed: number }

const repeatMs = 1_000
/**
 * From one announcement to the next. Each is a query and a message, and every server process reads its
 * lists anew: after each of 200 transactions a second they cost more than the transactions.
 */
const intervalMs = 20

export const createAnnouncer = (
  store: Pick<TodoStore, 'listVersion'>,
  cache: Pick<ListCache, 'announce' | 'overrule'>,
  log: Log,
): Announcer => {
  let running: Promise<void> | undefined
  let again = false
  let isClosing = false
  const counts: AnnouncementCounts = { done: 0, failed: 0 }
  let failingSinceMs: number | undefined

  const failed = (reason: string) => {
    counts.failed++
    if (failingSinceMs !== undefined) return
    failingSinceMs = performance.now()
    log.warn({ reason }, 'list changes are not announced, servers poll Postgres')
  }

  const succeeded = () => {
    counts.done++
    if (failingSinceMs === undefined) return
    const seconds = Math.round((performance.now() - failingSinceMs) / 1_000)
    failingSinceMs = undefined
    log.info({ seconds }, 'list changes are announced again')
  }

  const run = async () => {
    do {
      again = false
      const startedMs = performance.now()
      try {
        const overruled = await announceVersion(store, cache)
        if (overruled !== undefined) {
          log.warn(
            { known: overruled },
            'the list cache had a version newer than the database: overwritten',
          )
        }
        succeeded()
      } catch (error) {
        failed((error as Error).message)
      }
      const restMs = intervalMs - (performance.now() - startedMs)
      if (restMs > 0 && !isClosing) await delay(restMs)
    } while (again)
    running = undefined
  }
  const changed = () => {
    if (running) again = true
    else running = run()
  }
  let repeat: NodeJS.Timeout | undefined

  return {
    start() {
      repeat = setInterval(changed, repeatMs)
      changed()
    },
    changed,
    counts,
    async close() {
      if (repeat === undefined) return
      clearInterval(repeat)
      isClosing = true
      changed()
      await running
    },
  }
}
