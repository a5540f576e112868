// Erases what accounts that were deleted have left. Nothing that was acknowledged is skipped: what the log
// holds for an account is applied first, then all of it is erased. A worker that dies on the way leaves
// the rest to the next one, which begins anew.

import type { Erasure, Erasures, LogEnds } from '../../lib/accounts/erasures.ts'
import { createBoundedLog, type Log } from '../../lib/runtime/log.ts'
import type { Erased } from '../../lib/todo-store/erasing.ts'
import { createRounds, type Rounds } from '../rounds.ts'

export type ErasureCounts = { done: number; failed: number }
export const createErasureCounts = (): ErasureCounts => ({ done: 0, failed: 0 })

/** Looked at this often: one statement, of a table that is nearly always empty. */
const pollIntervalMs = 1_000

export const createErasing = (parts: {
  readonly erasures: Erasures
  /** One bounded step after the other. */
  readonly eraseUser: (userId: string) => AsyncIterable<Erased>
  readonly readEnds: () => Promise<LogEnds>
  readonly readApplied: () => Promise<ReadonlyMap<number, number>>
  /** Before it resolves, no copy of what was erased is believed any more. */
  readonly onErased: (erased: Erased) => Promise<void>
  /** What is kept of the user outside of the tables of todos. */
  readonly forget: (userId: string) => Promise<void>
  readonly counts: ErasureCounts
  readonly log: Log
}): Rounds => {
  const { erasures, counts, log } = parts
  const warn = createBoundedLog((fields, message) => log.warn(fields, message))

  const advance = async (
    { userId, log: noted }: Erasure,
    isStopping: () => boolean,
  ): Promise<void> => {
    // Before the ends: read after them, it could be ahead of them.
    const applied = await parts.readApplied()
    const found = await parts.readEnds()
    // Another log counts from elsewhere.
    if (noted?.identity !== found.identity) return erasures.noteEnds(userId, found)
    if (!isApplied(noted.ends, applied)) return erasures.postpone(userId)
    for await (const erased of parts.eraseUser(userId)) {
      await parts.onErased(erased)
      if (isStopping()) return
      await erasures.keep(userId)
    }
    await parts.forget(userId)
    // No id: the account is gone, and the log is kept.
    if ((await erasures.finish(userId)) === 'over') log.info('an account was erased for good')
    counts.done++
  }

  return createRounds(pollIntervalMs, async (isStopping) => {
    try {
      while (!isStopping()) {
        const erasure = await erasures.claim()
        if (!erasure) return
        await advance(erasure, isStopping)
      }
    } catch (error) {
      counts.failed++
      warn({ reason: (error as Error).message }, 'an account is not erased yet: trying again')
    }
  })
}

const isApplied = (
  ends: ReadonlyMap<number, number>,
  applied: ReadonlyMap<number, number>,
): boolean => [...ends].every(([partition, end]) => (applied.get(partition) ?? 0) >= end)
