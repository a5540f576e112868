// Accounts that were read lately, so that Postgres is not asked for a profile each time. Kept in this
// process and for as long as a cached page: an account does not change once it is registered, and
// whoever deletes one by hand sees it gone after that.

import type { Accounts, User } from '../../../lib/accounts/accounts.ts'

export type Profiles = {
  /** By the user that a token names: nobody is given another's. */
  find(userId: string): Promise<User | undefined>
}

/** Some 300 bytes each. */
const heldMax = 10_000

type Held = { readonly user: User; readonly untilMs: number }

/** `ttlMs` 0: nothing is kept. */
export const createProfiles = (
  accounts: Pick<Accounts, 'findUser'>,
  ttlMs: number,
  nowMs: () => number = () => performance.now(),
): Profiles => {
  // In the order in which they expire.
  const held = new Map<string, Held>()
  return {
    async find(userId) {
      const known = held.get(userId)
      if (known && nowMs() < known.untilMs) return known.user
      const askedMs = nowMs()
      const user = await accounts.findUser(userId)
      held.delete(userId)
      // Whoever has no account may register the next moment.
      if (!user) return undefined
      held.set(userId, { user, untilMs: askedMs + ttlMs })
      const [oldest] = held.keys()
      if (held.size > heldMax && oldest !== undefined) held.delete(oldest)
      return user
    },
  }
}
