// A sliding window from two counters: what the current window has counted, and what the one before
// it took, weighted by how much of it the sliding window still covers. The weight takes the
// requests of the previous window as evenly spread. No window of the clock ever allows more than
// the limit. A client that saves all of one for its last moment gets up to twice the limit in a
// window that lies across two.

import type { Decision, Policy } from './policy.ts'

export type WindowSeen = {
  readonly allowed: boolean
  readonly atUs: number
  /** The number of the current window since the epoch. */
  readonly window: number
  readonly current: number
  readonly previous: number
}

/** What the state after a `take` means. */
export const windowDecision = (
  { limit, windowSec }: Policy,
  { allowed, atUs, window, current, previous }: WindowSeen,
): Decision => {
  const windowMs = windowSec * 1_000
  // Not below 0: a store's clock may be set back over the edge of a window.
  const elapsedMs = Math.max(0, Math.floor(atUs / 1_000) - window * windowMs)
  const leftMs = windowMs - elapsedMs
  const used = (previous * leftMs) / windowMs + current
  return {
    allowed,
    remaining: Math.max(0, Math.floor(limit - used)),
    retryAfterMs: allowed ? 0 : waitMs({ limit, windowMs, elapsedMs, current, previous }),
    resetMs: leftMs,
    atUs,
  }
}

/** Until what counts has faded to one less than the limit. */
const waitMs = (seen: {
  readonly limit: number
  readonly windowMs: number
  readonly elapsedMs: number
  readonly current: number
  readonly previous: number
}): number => {
  const { limit, windowMs, elapsedMs, current, previous } = seen
  /** How far into a window `faded` of the one before it leave room for `room`. */
  const reachedMs = (faded: number, room: number) =>
    faded <= room ? 0 : Math.ceil((windowMs * (faded - room)) / faded)
  return current < limit
    ? Math.max(0, reachedMs(previous, limit - 1 - current) - elapsedMs)
    : windowMs - elapsedMs + reachedMs(current, limit - 1)
}
