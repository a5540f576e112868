// Tells the list cache which version of the lists the store has, after every change and, in case
// that word was lost (a crash right after COMMIT, Redis away), again every second.

import type { ListCache } from '../lib/list-cache/list-cache.ts'
import type { Log } from '../lib/log.ts'
import type { TodoStore } from '../lib/todo-store/todo-store.ts'

export type Announcer = {
  /** Something was committed. Announcements coalesce: one is under way, one more follows. */
  changed(): void
  close(): Promise<void>
}

const repeatMs = 1_000

export const createAnnouncer = (store: TodoStore, cache: ListCache, log: Log): Announcer => {
  let running: Promise<void> | undefined
  let again = false

  const run = async () => {
    do {
      again = false
      try {
        // Read after the commit: it covers that commit, and every other one made so far.
        await cache.announce(await store.listVersion())
      } catch (error) {
        log.debug({ reason: (error as Error).message }, 'list version not announced')
      }
    } while (again)
    running = undefined
  }
  const changed = () => {
    if (running) again = true
    else running = run()
  }
  const repeat = setInterval(changed, repeatMs)
  changed()

  return {
    changed,
    async close() {
      clearInterval(repeat)
      changed()
      await running
    },
  }
}
