// DELETE /api/admin/accounts/:id/sessions: an account is logged out everywhere.

import { withoutBody } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { Problem } from '../../../http/problem.ts'
import { accountsUnavailable, orUnavailable } from '../parts.ts'
import { byOf } from '../sessions/vocabulary.ts'
import { accountId, noSuchAccount, tag, type AdminParts } from './vocabulary.ts'

export const endSessions = ({ administration, onRevoked }: AdminParts) =>
  endpoint({
    method: 'DELETE',
    path: '/api/admin/accounts/:id/sessions',
    operationId: 'endSessions',
    summary: "End an account's sessions",
    description: 'Their tokens are refused in every process within a second.',
    tag,
    auth: 'system-admin',
    limit: 'user',
    params: { id: accountId },
    responses: [{ status: 204, description: 'None of its sessions goes on.' }],
    problems: [noSuchAccount, accountsUnavailable],
    async handler({ principal, requestId, params: { id } }) {
      const change = await orUnavailable(administration.endSessions(id, byOf(principal, requestId)))
      if (!change) throw new Problem(noSuchAccount)
      change.ended.forEach(onRevoked)
      return withoutBody(204)
    },
  })
