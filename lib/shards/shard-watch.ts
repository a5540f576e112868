// Which shards are unavailable. One that fails is asked, and while it does not answer it is not tried, but
// asked once a second: what waits for it would keep what is for other shards waiting. One that answers
// must also be the one that it is meant to be.

import { withTimeout } from '../runtime/deadline.ts'
import type { Log } from '../runtime/log.ts'

export type ShardWatch = {
  isDown(name: string): boolean
  /** Asks it, unless it is known to be down. */
  isDownNow(name: string): Promise<boolean>
  /** Why not, by name, of those that are down. */
  down(): ReadonlyMap<string, string>
  close(): void
}

const askEveryMs = 1_000
const answersMaxMs = 1_000

/** `ping` rejects unless it answers, and is itself. */
export const watchShards = (
  shards: ReadonlyMap<string, { ping(): Promise<void> }>,
  log: Log,
): ShardWatch => {
  const reasons = new Map<string, string>()
  const asking = new Map<string, Promise<string | undefined>>()
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  /** Undefined: it is up. However many want to know, it is asked once at a time. */
  const faultOf = (name: string): Promise<string | undefined> => {
    const asked = asking.get(name)
    if (asked) return asked
    const answer = withTimeout(answersMaxMs, async () => shards.get(name)?.ping())
      .then(
        () => undefined,
        (error: Error) => error.message,
      )
      .finally(() => asking.delete(name))
    asking.set(name, answer)
    return answer
  }
  const askAgain = () => {
    timer ??= setTimeout(() => {
      void askAll().finally(() => {
        timer = undefined
        if (reasons.size > 0 && !isClosed) askAgain()
      })
    }, askEveryMs).unref()
  }
  const askAll = () =>
    Promise.all(
      [...reasons.keys()].map(async (shard) => {
        const reason = await faultOf(shard)
        if (reason !== undefined) return void reasons.set(shard, reason)
        reasons.delete(shard)
        log.warn({ shard }, 'shard available again')
      }),
    )

  return {
    isDown: (name) => reasons.has(name),
    async isDownNow(name) {
      if (reasons.has(name)) return true
      const reason = await faultOf(name)
      if (reason === undefined) return false
      if (!reasons.has(name) && !isClosed) {
        log.warn({ shard: name, reason }, 'shard unavailable: what it has waits, others go on')
        reasons.set(name, reason)
        askAgain()
      }
      return true
    },
    down: () => reasons,
    close() {
      isClosed = true
      clearTimeout(timer)
    },
  }
}
