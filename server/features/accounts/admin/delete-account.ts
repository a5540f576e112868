// DELETE /api/admin/accounts/:id: an account is gone, with its sessions.

import { withoutBody } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { Problem } from '../../../http/problem.ts'
import { accountsUnavailable, orUnavailable } from '../parts.ts'
import { byOf } from '../sessions/vocabulary.ts'
import { accountId, noSuchAccount, ownAccount, tag, type AdminParts } from './vocabulary.ts'

export const deleteAccount = ({ administration, onRevoked }: AdminParts) =>
  endpoint({
    method: 'DELETE',
    path: '/api/admin/accounts/:id',
    operationId: 'deleteAccount',
    summary: 'Delete an account',
    description:
      'It can not be undone. Its sessions end: their tokens are refused in every process within a second. It leaves its teams. Its personal todos are gone within a minute; its public todos stay, without a name.',
    tag,
    auth: 'system-admin',
    limit: 'user',
    params: { id: accountId },
    responses: [{ status: 204, description: 'The account is gone.' }],
    problems: [ownAccount, noSuchAccount, accountsUnavailable],
    async handler({ principal, requestId, params: { id } }) {
      if (id === principal.userId) throw new Problem(ownAccount)
      const change = await orUnavailable(administration.remove(id, byOf(principal, requestId)))
      if (!change) throw new Problem(noSuchAccount)
      change.ended.forEach(onRevoked)
      return withoutBody(204)
    },
  })
