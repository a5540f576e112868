// POST /api/admin/accounts/:id/disable: an account that can't log in, until it is enabled again.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { Problem } from '../../../http/problem.ts'
import { accountsUnavailable, orUnavailable } from '../parts.ts'
import { byOf } from '../sessions/vocabulary.ts'
import {
  accountId,
  managedAccount,
  noSuchAccount,
  ownAccount,
  tag,
  type AdminParts,
} from './vocabulary.ts'

export const disableAccount = ({ administration, onRevoked }: AdminParts) =>
  endpoint({
    method: 'POST',
    path: '/api/admin/accounts/:id/disable',
    operationId: 'disableAccount',
    summary: 'Disable an account',
    description:
      'Its sessions end: their tokens are refused in every process within a second. It can not log in, refresh or reset its password until it is enabled.',
    tag,
    auth: 'system-admin',
    limit: 'user',
    params: { id: accountId },
    responses: [managedAccount],
    problems: [ownAccount, noSuchAccount, accountsUnavailable],
    async handler({ principal, requestId, params: { id } }) {
      if (id === principal.userId) throw new Problem(ownAccount)
      const change = await orUnavailable(administration.disable(id, byOf(principal, requestId)))
      if (!change) throw new Problem(noSuchAccount)
      change.ended.forEach(onRevoked)
      return managedAccount.reply(change.account)
    },
  })
