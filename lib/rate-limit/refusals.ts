// Who is over a limit, and until when. A refusal says when the next request can pass: until then the
// answer is known, and a client that asks on costs its process a lookup and the store nothing.

import type { Policy } from './policy.ts'
import type { Decided } from './failover.ts'

export type Refusals = {
  /** What the store would say of one more request now, where that is known. */
  find(policy: Policy, key: string): Decided | undefined
  /** `askedMs`: when the store was asked, by this process's clock. */
  add(policy: Policy, key: string, decided: Decided, askedMs: number): void
}

/** A store that was emptied, or that another one stands in for, is asked again within this. */
export const knownMsMax = 1_000
/** A sliding window's clock goes in whole milliseconds: its wait, or window, may end so much earlier. */
const clockStepMs = 1
/** Limit per process, 2 MB at most: whoever is forgotten is asked for again. */
export const knownMax = 10_000

type Known = {
  readonly decided: Decided
  readonly answeredMs: number
  readonly untilMs: number
}

export const createRefusals = (nowMs: () => number): Refusals => {
  /** In the order in which they came. */
  const known = new Map<string, Known>()
  const nameOf = (policy: Policy, key: string) => `${policy.name}:${key}`

  return {
    find(policy, key) {
      const name = nameOf(policy, key)
      const refusal = known.get(name)
      if (!refusal) return undefined
      const { decided, answeredMs, untilMs } = refusal
      if (nowMs() >= untilMs) {
        known.delete(name)
        return undefined
      }
      const { store, decision } = decided
      const passedMs = nowMs() - answeredMs
      return {
        store,
        decision: {
          ...decision,
          retryAfterMs: decision.retryAfterMs - passedMs,
          resetMs: decision.resetMs - passedMs,
          atUs: decision.atUs + Math.floor(passedMs * 1_000),
        },
      }
    },
    add(policy, key, decided, askedMs) {
      const name = nameOf(policy, key)
      const { retryAfterMs, resetMs } = decided.decision
      const [oldest] = known.keys()
      if (oldest !== undefined && known.size >= knownMax) known.delete(oldest)
      known.delete(name)
      known.set(name, {
        decided,
        answeredMs: nowMs(),
        // Counted from before it was asked: never longer than the store itself would refuse.
        untilMs: askedMs + Math.min(retryAfterMs - clockStepMs, resetMs - clockStepMs, knownMsMax),
      })
    },
  }
}
