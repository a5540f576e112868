// Who is a system admin: looked up for each request that asks for it. Those are few, and go to Postgres
// anyway; so a role is in no token and in no cache, and one that is granted, revoked or disabled is so in
// every process with the next request.

import type { Accounts } from '../../lib/accounts/accounts.ts'
import { notSystemAdmin, rolesUnavailable } from '../http/access-problems.ts'
import type { Principal } from '../http/contract/endpoint.ts'
import { Problem } from '../http/problem.ts'

export const createRequireSystemAdmin =
  (accounts: Pick<Accounts, 'roleOf'>) =>
  async ({ userId }: Principal): Promise<void> => {
    const role = await accounts.roleOf(userId).catch((error: unknown) => {
      throw new Problem(rolesUnavailable, { cause: error })
    })
    if (role !== 'system-admin') throw new Problem(notSystemAdmin)
  }
