// How many logins with one address may fail, from wherever they come: beside the limit per client address,
// which a thousand machines get around. Nobody is told that it is reached, or guessing would say which
// addresses have accounts.

import { createHash } from 'node:crypto'
import { isAllowed, type Limiter } from '../../../lib/rate-limit/failover.ts'
import type { Policy } from '../../../lib/rate-limit/policy.ts'
import type { Config } from '../../../lib/runtime/config/config.ts'

export type FailedLogins = {
  /** Counts as failed until it is forgiven; undefined: too many have failed. */
  begin(email: string): Promise<{ forgive(): Promise<void> } | undefined>
}

/** Undefined: it is off. */
export const failedLoginPolicy = (config: Config): Policy | undefined => {
  const { AUTH_FAILED_LOGINS_MAX: limit, AUTH_FAILED_LOGINS_WINDOW_SEC: windowSec } = config
  return limit === 0 ? undefined : { name: 'login', algorithm: 'token-bucket', limit, windowSec }
}

export const createFailedLogins = (
  limiter: Pick<Limiter, 'take' | 'refund'>,
  policy: Policy | undefined,
): FailedLogins => ({
  async begin(email) {
    if (!policy) return { forgive: () => Promise.resolve() }
    // No store of limits is to hold addresses.
    const key = createHash('sha256').update(email).digest('base64url')
    const verdict = await limiter.take(policy, key)
    if (!isAllowed(verdict)) return undefined
    return { forgive: () => limiter.refund(policy, key, verdict) }
  },
})
