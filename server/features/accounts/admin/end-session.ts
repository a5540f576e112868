// DELETE /api/admin/sessions/:id: one login is over.

import { withoutBody } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { Problem } from '../../../http/problem.ts'
import { accountsUnavailable, orUnavailable } from '../parts.ts'
import { byOf, noSuchSession, sessionId } from '../sessions/vocabulary.ts'
import { tag, type AdminParts } from './vocabulary.ts'

export const endSession = ({ administration, onRevoked }: AdminParts) =>
  endpoint({
    method: 'DELETE',
    path: '/api/admin/sessions/:id',
    operationId: 'endSession',
    summary: 'End a session',
    description: 'Its tokens are refused in every process within a second.',
    tag,
    auth: 'system-admin',
    limit: 'user',
    params: { id: sessionId },
    responses: [{ status: 204, description: 'The session has ended.' }],
    problems: [noSuchSession, accountsUnavailable],
    async handler({ principal, requestId, params: { id } }) {
      const isEnded = await orUnavailable(administration.endSession(id, byOf(principal, requestId)))
      if (!isEnded) throw new Problem(noSuchSession)
      onRevoked(id)
      return withoutBody(204)
    },
  })
