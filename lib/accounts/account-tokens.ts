// The tokens that mail carries: single-use, expiring, the newest of each kind alone. They show that who has
// one reads mail of an account's address.

import type { AccountMailKind } from '../domain/mail.ts'

export type AccountTokens = {
  /**
   * Takes the place of an older one. Undefined: there is nobody to send it to, for the address has no
   * account, it is disabled, or it is confirmed already.
   */
  issue(kind: AccountMailKind, email: string, ttlSec: number): Promise<string | undefined>
  /** Whether it could be used now: asked before a password is hashed. */
  isUsable(kind: AccountMailKind, token: string): Promise<boolean>
  /** Uses it up; false when it is none. Of two at once one is true. */
  verifyEmail(token: string): Promise<boolean>
  /**
   * Uses it up, and ends every session of the account: returns them. Undefined when it is none. Of two
   * at once one succeeds.
   */
  resetPassword(
    token: string,
    passwordHash: string,
    requestId: string,
  ): Promise<readonly string[] | undefined>
}
