// Limits that outlive what counts them: the first store that answers decides, and when none does the
// request passes. No request waits for a store longer than that store's own bound, and none at all
// while its breaker is open. A store that has more to decide than it can in that time is not down: who
// asks on top is refused, or a burst would be a way past every limit.

import type { Log } from '../runtime/log.ts'
import { createKeyedSemaphore } from '../runtime/keyed-semaphore.ts'
import { createBreaker } from './breaker.ts'
import type { Decision, LimitStore, Policy } from './policy.ts'
import { createRefusals } from './refusals.ts'

export type StoreName = 'redis' | 'postgres'

export type Decided = { readonly store: StoreName; readonly decision: Decision }

export type LimitVerdict =
  | Decided
  /** Nobody could say: let it pass. */
  | { readonly store: 'none' }
  /** Too many are undecided, of this key or in all: refuse it. */
  | { readonly store: 'busy' }

/** Plain integers, read by a scrape. */
export type LimiterCounts = {
  /** By policy, then by who decided. */
  readonly decisions: ReadonlyMap<string, ReadonlyMap<LimitVerdict['store'], Outcomes>>
  readonly stores: ReadonlyMap<StoreName, StoreCounts>
}
type Outcomes = { allowed: number; refused: number }
type StoreCounts = { failures: number; opened: number; isOpen: () => boolean }

export type Limiter = {
  /** Never rejects. */
  take(policy: Policy, key: string): Promise<LimitVerdict>
  /** What `verdict` allowed is not to count after all; of a token bucket. Never rejects. */
  refund(policy: Policy, key: string, verdict: LimitVerdict): Promise<void>
  readonly counts: LimiterCounts
  /** Resolves when each store can be asked, or can't. */
  open(): Promise<void>
  close(): Promise<void>
}

export type Backend = { readonly name: StoreName; readonly store: LimitStore }

/**
 * Decisions that may be in flight in one process: what each store makes in half of 50 ms, the usual
 * LIMIT_TIMEOUT_MS (36,000 and 8,000 a second, bench:limits).
 */
const inFlightMax: Record<StoreName, number> = { redis: 1_024, postgres: 200 }
/** Limit per key: nobody but a burst from one client needs more. */
const undecidedMax = 128
const breakerSettings = { failuresMax: 5, failureSpacingMs: 10, openMs: 1_000 }
const probe: Policy = { name: 'probe', algorithm: 'token-bucket', limit: 1_000, windowSec: 1 }

export const createLimiter = (
  backends: readonly Backend[],
  policies: readonly Policy[],
  log: Log,
  nowMs: () => number = () => performance.now(),
): Limiter => {
  const guarded = backends.map((backend) => guard(backend, log, nowMs))
  const names = [...backends.map(({ name }) => name), 'none' as const, 'busy' as const]
  const decisions = new Map(
    policies.map((policy) => [
      policy.name,
      new Map(names.map((store) => [store, { allowed: 0, refused: 0 }])),
    ]),
  )
  const count = ({ name }: Policy, store: LimitVerdict['store'], outcome: keyof Outcomes) => {
    const outcomes = decisions.get(name)?.get(store)
    if (outcomes) outcomes[outcome]++
  }

  const undecided = createKeyedSemaphore()
  const refusals = createRefusals(nowMs)

  const decide = async (policy: Policy, key: string): Promise<LimitVerdict> => {
    for (const { name, ask } of guarded) {
      const answer = await ask(policy, key)
      if (answer === 'busy') return { store: 'busy' }
      if (answer) return { store: name, decision: answer }
    }
    return { store: 'none' }
  }

  const inBounds = async (policy: Policy, key: string): Promise<LimitVerdict> => {
    if (guarded.every(({ counts }) => counts.isOpen())) return decide(policy, key)
    const whose = `${policy.name}:${key}`
    if (!undecided.take(whose, Math.min(policy.limit, undecidedMax))) return { store: 'busy' }
    const askedMs = nowMs()
    const verdict = await decide(policy, key)
    undecided.leave(whose)
    if ('decision' in verdict && !verdict.decision.allowed)
      refusals.add(policy, key, verdict, askedMs)
    return verdict
  }

  return {
    async take(policy, key) {
      const verdict = refusals.find(policy, key) ?? (await inBounds(policy, key))
      count(policy, verdict.store, isAllowed(verdict) ? 'allowed' : 'refused')
      return verdict
    },
    async refund(policy, key, verdict) {
      // A store that does not take it counts one too many: it goes with time.
      const backend = backends.find(({ name }) => name === verdict.store)
      await backend?.store.refund(policy, key).catch(() => {})
    },
    counts: { decisions, stores: new Map(guarded.map(({ name, counts }) => [name, counts])) },
    async open() {
      await Promise.allSettled(backends.map(({ store }) => store.open()))
    },
    async close() {
      await Promise.allSettled(backends.map(({ store }) => store.close()))
    },
  }
}

export const isAllowed = (verdict: LimitVerdict): boolean =>
  'decision' in verdict ? verdict.decision.allowed : verdict.store === 'none'

/** A store behind its breaker: undefined when it has nothing to say. */
const guard = ({ name, store }: Backend, log: Log, nowMs: () => number) => {
  let inFlight = 0
  let reason = ''
  const breaker = createBreaker({
    ...breakerSettings,
    nowMs,
    onChange(state) {
      if (state === 'closed') {
        log.info({ store: name }, 'rate-limit store available, circuit closed')
        return
      }
      counts.opened++
      log.warn({ store: name, reason }, 'rate-limit store unavailable, circuit open')
    },
  })
  const counts: StoreCounts = { failures: 0, opened: 0, isOpen: breaker.isOpen }

  const attempt = async (policy: Policy, key: string): Promise<Decision | undefined> => {
    inFlight++
    try {
      return await store.take(policy, key)
    } catch (error) {
      counts.failures++
      reason = (error as Error).message
      return undefined
    } finally {
      inFlight--
    }
  }

  const runProbe = async () => {
    const ok = (await attempt(probe, 'probe')) !== undefined
    if (!ok) store.reconnect()
    breaker.probed(ok)
  }

  const ask = async (policy: Policy, key: string): Promise<Decision | 'busy' | undefined> => {
    switch (breaker.admit()) {
      case 'skip':
        return undefined
      case 'probe':
        void runProbe()
        return undefined
      case 'ask': {
        if (inFlight >= inFlightMax[name]) return 'busy'
        const decision = await attempt(policy, key)
        breaker.asked(decision !== undefined)
        return decision
      }
    }
  }
  return { name, counts, ask }
}
