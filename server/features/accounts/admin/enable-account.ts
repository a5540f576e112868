// POST /api/admin/accounts/:id/enable: an account that was disabled can log in again.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { Problem } from '../../../http/problem.ts'
import { accountsUnavailable, orUnavailable } from '../parts.ts'
import { byOf } from '../sessions/vocabulary.ts'
import { accountId, managedAccount, noSuchAccount, tag, type AdminParts } from './vocabulary.ts'

export const enableAccount = ({ administration }: AdminParts) =>
  endpoint({
    method: 'POST',
    path: '/api/admin/accounts/:id/enable',
    operationId: 'enableAccount',
    summary: 'Enable an account',
    description: 'It can log in again. The sessions that it had do not come back.',
    tag,
    auth: 'system-admin',
    limit: 'user',
    params: { id: accountId },
    responses: [managedAccount],
    problems: [noSuchAccount, accountsUnavailable],
    async handler({ principal, requestId, params: { id } }) {
      const change = await orUnavailable(administration.enable(id, byOf(principal, requestId)))
      if (!change) throw new Problem(noSuchAccount)
      return managedAccount.reply(change.account)
    },
  })
