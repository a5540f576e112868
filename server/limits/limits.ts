// Which limits there are, what each counts by, and what clients are told of them. A route names its
// limit (features/index.ts), the router asks for it; ready lists never come to the router and have none.
//
// Limits by user ask who it is first: without a good token it is a 401 and nothing is counted, because
// to refuse a token costs no I/O, and a flood of bad ones must not become a flood of decisions.

import type { Config } from '../../lib/runtime/config/config.ts'
import type { Limiter } from '../../lib/rate-limit/failover.ts'
import type { Decision, Policy } from '../../lib/rate-limit/policy.ts'
import { authenticate, type VerifyToken } from '../identity/authenticate.ts'
import type { ClientOf } from '../http/client-address.ts'
import type { Request } from '../http/engines/engine.ts'
import { Problem } from '../http/problem.ts'

export type LimitName = 'address' | 'user' | 'write' | 'read'

export type Checked = {
  /** For the answer, whatever it is. */
  readonly headers: readonly string[]
  /** Set: this is the answer. */
  readonly refused?: Problem
}

/** Throws when nobody knows who asks. Looks at the request before it first awaits anything. */
export type LimitCheck = (request: Request) => Promise<Checked>

/** Those that are on. */
export type LimitChecks = Readonly<Partial<Record<LimitName, LimitCheck>>>

export const limitPolicies = (config: Config): (Policy & { readonly name: LimitName })[] => {
  const bucket = { algorithm: 'token-bucket' } as const
  const all = [
    {
      ...{ ...bucket, name: 'address' as const },
      ...{ limit: config.LIMIT_ADDRESS_BURST, windowSec: config.LIMIT_ADDRESS_REFILL_SEC },
    },
    {
      ...{ algorithm: 'sliding-window' as const, name: 'user' as const },
      ...{ limit: config.LIMIT_USER_REQUESTS, windowSec: config.LIMIT_USER_WINDOW_SEC },
    },
    {
      ...{ ...bucket, name: 'write' as const },
      ...{ limit: config.LIMIT_WRITE_BURST, windowSec: config.LIMIT_WRITE_REFILL_SEC },
    },
    {
      ...{ ...bucket, name: 'read' as const },
      ...{ limit: config.LIMIT_READ_BURST, windowSec: config.LIMIT_READ_REFILL_SEC },
    },
  ]
  return all.filter(({ limit }) => limit > 0)
}

export const createLimitChecks = (parts: {
  readonly limiter: Pick<Limiter, 'take'>
  readonly policies: readonly (Policy & { readonly name: LimitName })[]
  readonly verifyToken: VerifyToken
  readonly clientOf: ClientOf
}): LimitChecks => {
  const { limiter, policies, verifyToken, clientOf } = parts
  const byUser = (request: Request) => authenticate(request, verifyToken)
  const keyOf = { address: clientOf, read: clientOf, user: byUser, write: byUser }

  return Object.fromEntries(
    policies.map((policy) => {
      const policyHeader = ['RateLimit-Policy', policyField(policy)]
      const check: LimitCheck = async (request) => {
        const taken = await limiter.take(policy, keyOf[policy.name](request))
        // Nobody counted: there is nothing true to say of what remains.
        if (taken.store === 'none') return { headers: policyHeader }
        if (taken.store === 'busy') return { headers: policyHeader, refused: tooManyAtOnce }
        const { decision } = taken
        const headers = [...policyHeader, 'RateLimit', stateField(policy, decision)]
        return decision.allowed ? { headers } : { headers, refused: tooMany(decision) }
      }
      return [policy.name, check]
    }),
  )
}

// draft-ietf-httpapi-ratelimit-headers: lists of structured fields (RFC 9651).
const policyField = ({ name, limit, windowSec }: Policy): string =>
  `"${name}";q=${limit};w=${windowSec}`

/** `t` says when to come again: the same moment as Retry-After, where there is one. */
const stateField = ({ name }: Policy, { remaining, resetMs, ...decision }: Decision): string =>
  `"${name}";r=${remaining};t=${decision.allowed ? Math.ceil(resetMs / 1_000) : retryAfterSec(decision)}`

const tooManyAtOnce = new Problem(429, 'too many requests at once: wait for answers', {
  headers: ['Retry-After', '1'],
})

const tooMany = (decision: Decision): Problem => {
  const seconds = retryAfterSec(decision)
  return new Problem(429, `too many requests: try again in ${seconds} s`, {
    headers: ['Retry-After', String(seconds)],
  })
}

const retryAfterSec = ({ retryAfterMs }: Pick<Decision, 'retryAfterMs'>): number =>
  Math.max(1, Math.ceil(retryAfterMs / 1_000))
