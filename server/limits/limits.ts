// How limits are applied, and what clients read about them. An endpoint names its limit, the router
// applies it; ready lists never come to the router, and the engine asks for theirs.
//
// Who asks is known by then: without a good token it is a 401 and nothing is counted. To refuse a
// token costs no I/O, and a flood of bad ones must not become a flood of decisions.

import type { Limiter } from '../../lib/rate-limit/failover.ts'
import type { Decision, Policy } from '../../lib/rate-limit/policy.ts'
import type { LimitName } from '../http/contract/endpoint.ts'
import { Problem } from '../http/problem.ts'
import { tooManyAtOnce, tooManyRequests } from '../http/access-problems.ts'
import type { Checked, LimitCheck, LimitChecks } from '../http/router.ts'
import type { Buckets } from './in-process.ts'

export const createLimitChecks = (
  limiter: Pick<Limiter, 'take'>,
  policies: readonly (Policy & { readonly name: LimitName })[],
  processLimits: readonly Buckets[] = [],
): LimitChecks =>
  Object.fromEntries([
    ...policies.map((policy): [LimitName, LimitCheck] => {
      const policyHeader = ['RateLimit-Policy', policyField(policy)]
      const check: LimitCheck = async (key) => {
        const verdict = await limiter.take(policy, key)
        // Nobody counted: there is nothing true to say of what remains.
        if (verdict.store === 'none') return { headers: policyHeader }
        if (verdict.store === 'busy') return { headers: policyHeader, refused: atOnce }
        return checkedOf(policy, policyHeader, verdict.decision)
      }
      return [policy.name, check]
    }),
    ...processLimits.map(({ policy, of }): [LimitName, LimitCheck] => {
      const policyHeader = ['RateLimit-Policy', policyField(policy)]
      return [policy.name, (key) => checkedOf(policy, policyHeader, of(key).decide())]
    }),
  ])

const checkedOf = (
  policy: Policy,
  policyHeader: readonly string[],
  decision: Decision,
): Checked => {
  const headers = [...policyHeader, 'RateLimit', stateField(policy, decision)]
  if (decision.allowed) return { headers }
  return { headers, refused: new Problem(tooManyRequests(retryAfterSec(decision))) }
}

const atOnce = new Problem(tooManyAtOnce)

// draft-ietf-httpapi-ratelimit-headers: lists of structured fields (RFC 9651).
const policyField = ({ name, limit, windowSec }: Policy): string =>
  `"${name}";q=${limit};w=${windowSec}`

/** `t` says when to come again: the same moment as Retry-After, where there is one. */
const stateField = ({ name }: Policy, { remaining, resetMs, ...decision }: Decision): string =>
  `"${name}";r=${remaining};t=${decision.allowed ? Math.ceil(resetMs / 1_000) : retryAfterSec(decision)}`

const retryAfterSec = ({ retryAfterMs }: Pick<Decision, 'retryAfterMs'>): number =>
  Math.max(1, Math.ceil(retryAfterMs / 1_000))
