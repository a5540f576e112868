// A token bucket, kept as one number: when it will be full again. It holds as many tokens as are
// missing between then and a whole refill, so that nothing has to be refilled, and once that moment is
// past nothing has to be kept. Whole microseconds, so that every store comes to the same result.

import type { Decision, Policy } from './policy.ts'

export type BucketSeen = {
  readonly allowed: boolean
  readonly atUs: number
  readonly fullAtUs: number
}

/** In which one token comes back; rounded up, never in a client's favour. */
export const tokenUsOf = ({ limit, windowSec }: Policy): number =>
  Math.ceil((windowSec * 1e6) / limit)

/** What the state after a `take` means. */
export const bucketDecision = (
  policy: Policy,
  { allowed, atUs, fullAtUs }: BucketSeen,
): Decision => {
  const tokenUs = tokenUsOf(policy)
  const missingUs = Math.max(0, fullAtUs - atUs)
  const roomUs = policy.limit * tokenUs - missingUs
  const resetMs = missingUs / 1_000
  return {
    allowed,
    remaining: Math.max(0, Math.floor(roomUs / tokenUs)),
    retryAfterMs: allowed ? 0 : Math.max(0, tokenUs - roomUs) / 1_000,
    resetMs,
    atUs,
  }
}
