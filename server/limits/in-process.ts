// The limit of lists and probes: token buckets in this process's memory. A list is answered from bytes
// in a microsecond, and a shared store would cost many times that. So each process counts for itself.

import type { Config } from '../../lib/runtime/config/config.ts'
import type { Decision, Policy } from '../../lib/rate-limit/policy.ts'
import { bucketDecision, tokenUsOf } from '../../lib/rate-limit/token-bucket.ts'
import { clientKey, readTrustedProxies } from '../http/client-address.ts'
import type { App, ReadyLimit } from '../http/engines/engine.ts'

/** Clients of one process, 10 MB at most: whose bucket is forgotten begins with a full one. */
export const bucketsMax = 50_000

export type Bucket = ReadyLimit & {
  /** Counts one more, if it is allowed. */
  decide(): Decision
}

export type Buckets = {
  readonly policy: Policy & { readonly name: 'list' | 'probe' }
  of(key: string): Bucket
  /** Plain integers, read by a scrape. */
  readonly counts: { allowed: number; refused: number }
}

export const createBuckets = (
  policy: Buckets['policy'],
  nowMs: () => number = () => performance.now(),
): Buckets => {
  const tokenMs = tokenUsOf(policy) / 1_000
  const counts = { allowed: 0, refused: 0 }
  /** In the order in which they came. */
  const buckets = new Map<string, Bucket>()

  const create = (): Bucket => {
    let fullAtMs = 0
    const left = () => {
      const missingMs = Math.max(0, fullAtMs - nowMs())
      return Math.max(0, Math.floor(policy.limit - missingMs / tokenMs))
    }
    const take = (requests: number) => {
      fullAtMs = Math.max(fullAtMs, nowMs()) + requests * tokenMs
      counts.allowed += requests
    }
    return {
      left,
      take,
      decide() {
        const allowed = left() > 0
        if (allowed) take(1)
        else counts.refused++
        return bucketDecision(policy, {
          allowed,
          atUs: nowMs() * 1_000,
          fullAtUs: fullAtMs * 1_000,
        })
      },
    }
  }

  return {
    policy,
    counts,
    of(key) {
      const known = buckets.get(key)
      if (known) return known
      const [oldest] = buckets.keys()
      if (oldest !== undefined && buckets.size >= bucketsMax) buckets.delete(oldest)
      const bucket = create()
      buckets.set(key, bucket)
      return bucket
    },
  }
}

/** Two of one size: who floods the lists must not make a supervisor's probes fail. Empty: off. */
export const createProcessLimits = (config: Config): Buckets[] => {
  const { LIMIT_LIST_BURST: limit, LIMIT_LIST_REFILL_SEC: windowSec } = config
  if (limit === 0) return []
  return (['list', 'probe'] as const).map((name) =>
    createBuckets({ name, algorithm: 'token-bucket', limit, windowSec }),
  )
}

/** For the engines, which answer lists without a router; undefined when it is off. */
export const readyLimitOf = (
  limits: readonly Buckets[],
  trustedProxies: string,
): App['readyLimitOf'] => {
  const lists = limits.find(({ policy }) => policy.name === 'list')
  if (!lists) return undefined
  const isTrusted = readTrustedProxies(trustedProxies)
  return (peer, forwardedFor) => lists.of(clientKey(peer, forwardedFor, isTrusted))
}
