// Which limits of requests there are, by configuration.

import type { Config } from '../runtime/config/config.ts'
import type { Policy } from './policy.ts'

/** `user` and `write` count by user; the others by the client's address. */
export type RequestPolicy = Policy & { readonly name: 'address' | 'user' | 'write' | 'read' }

export const limitPolicies = (config: Config): RequestPolicy[] => {
  const bucket = { algorithm: 'token-bucket' } as const
  const all = [
    {
      ...bucket,
      name: 'address' as const,
      limit: config.LIMIT_ADDRESS_BURST,
      windowSec: config.LIMIT_ADDRESS_REFILL_SEC,
    },
    {
      algorithm: 'sliding-window' as const,
      name: 'user' as const,
      limit: config.LIMIT_USER_REQUESTS,
      windowSec: config.LIMIT_USER_WINDOW_SEC,
    },
    {
      ...bucket,
      name: 'write' as const,
      limit: config.LIMIT_WRITE_BURST,
      windowSec: config.LIMIT_WRITE_REFILL_SEC,
    },
    {
      ...bucket,
      name: 'read' as const,
      limit: config.LIMIT_READ_BURST,
      windowSec: config.LIMIT_READ_REFILL_SEC,
    },
  ]
  return all.filter(({ limit }) => limit > 0)
}

export const countsByUser = ({ name }: RequestPolicy): boolean =>
  name === 'user' || name === 'write'
