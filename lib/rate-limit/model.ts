// What a store must do, in plain arithmetic on one key, with the time given: the reference that the
// tests hold both stores to. Not used by the server.

import type { Policy } from './policy.ts'
import type { BucketSeen } from './token-bucket.ts'
import { tokenUsOf } from './token-bucket.ts'
import type { WindowSeen } from './sliding-window.ts'

export const takeFromBucket = (
  policy: Policy,
  before: BucketSeen | undefined,
  atUs: number,
): BucketSeen => {
  const tokenUs = tokenUsOf(policy)
  const wholeUs = policy.limit * tokenUs
  // No further ahead than empty: else a clock that is set back would shut a client out.
  const fullAtUs = Math.min(Math.max(before?.fullAtUs ?? 0, atUs), atUs + wholeUs)
  const allowed = fullAtUs + tokenUs - atUs <= wholeUs
  return { allowed, atUs, fullAtUs: allowed ? fullAtUs + tokenUs : fullAtUs }
}

export const takeFromWindow = (
  { limit, windowSec }: Policy,
  before: WindowSeen | undefined,
  atUs: number,
): WindowSeen => {
  const windowMs = windowSec * 1_000
  const atMs = Math.floor(atUs / 1_000)
  const held = slide(before, Math.floor(atMs / windowMs))
  const leftMs = windowMs - Math.max(0, atMs - held.window * windowMs)
  const allowed = held.previous * leftMs + held.current * windowMs <= (limit - 1) * windowMs
  return { ...held, allowed, atUs, current: held.current + (allowed ? 1 : 0) }
}

const slide = (
  before: WindowSeen | undefined,
  window: number,
): Pick<WindowSeen, 'window' | 'current' | 'previous'> => {
  switch (before && before.window - window) {
    case 0:
    case 1: // the clock was set back over the edge: what was counted stands
      return before as WindowSeen
    case -1:
      return { window, current: 0, previous: (before as WindowSeen).current }
    default:
      return { window, current: 0, previous: 0 }
  }
}
