// GET /api/admin/accounts/:id: one account.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { Problem } from '../../../http/problem.ts'
import { accountsUnavailable, orUnavailable } from '../parts.ts'
import { accountId, managedAccount, noSuchAccount, tag, type AdminParts } from './vocabulary.ts'

export const readAccount = ({ administration }: AdminParts) =>
  endpoint({
    method: 'GET',
    path: '/api/admin/accounts/:id',
    operationId: 'readAccount',
    summary: 'Read an account',
    tag,
    auth: 'system-admin',
    limit: 'user',
    params: { id: accountId },
    responses: [managedAccount],
    problems: [noSuchAccount, accountsUnavailable],
    async handler({ params: { id } }) {
      const account = await orUnavailable(administration.find(id))
      if (!account) throw new Problem(noSuchAccount)
      return managedAccount.reply(account)
    },
  })
