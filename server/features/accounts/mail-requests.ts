// Mail that somebody asks for, without being known. What is answered, and the work until then, is the same
// whether the address has an account or not: a row of the outbox. The worker finds out whose it is.

import { createHash } from 'node:crypto'
import type { AccountMailKind, MailKind } from '../../../lib/domain/mail.ts'
import type { MailOutbox } from '../../../lib/mail/outbox.ts'
import { isAllowed, type Limiter } from '../../../lib/rate-limit/failover.ts'
import type { Policy } from '../../../lib/rate-limit/policy.ts'
import type { Config } from '../../../lib/runtime/config/config.ts'
import { mailWayOf } from '../../../lib/runtime/config/mail.ts'

export type MailRequests = {
  /** False: this server has no way to send mail. */
  readonly isOn: boolean
  /** Counts one more mail to an address; false: it has had as many as it may. */
  takesOne(kind: MailKind, email: string): Promise<boolean>
  /** Past the limit of an address nothing is sent, and nobody is told. */
  add(kind: AccountMailKind, email: string): Promise<'queued' | 'full'>
}

const windowSec = 3_600

/** Undefined: it is off. */
export const mailPolicy = ({ AUTH_MAILS_MAX: limit }: Config): Policy | undefined =>
  limit === 0 ? undefined : { name: 'mail', algorithm: 'token-bucket', limit, windowSec }

export const createMailRequests = (
  config: Config,
  outbox: Pick<MailOutbox, 'add'>,
  limiter: Pick<Limiter, 'take'>,
  policy: Policy | undefined,
): MailRequests => {
  const takesOne = async (kind: MailKind, email: string) => {
    if (!policy) return true
    // No store of limits is to hold addresses.
    const key = createHash('sha256').update(`${kind} ${email}`).digest('base64url')
    return isAllowed(await limiter.take(policy, key))
  }
  return {
    isOn: mailWayOf(config) !== 'none',
    takesOne,
    add: async (kind, email) =>
      (await takesOne(kind, email)) ? outbox.add(kind, email) : 'queued',
  }
}
