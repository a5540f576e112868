// DELETE /auth/sessions/:id: one of one's own logins is over.

import { withoutBody } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { Problem } from '../../../http/problem.ts'
import { accountsUnavailable, orUnavailable, tag, type AccountParts } from '../parts.ts'
import { byOf, noSuchSession, sessionId } from './vocabulary.ts'

export const endOwnSession = ({ administration, onRevoked }: AccountParts) =>
  endpoint({
    method: 'DELETE',
    path: '/auth/sessions/:id',
    operationId: 'endOwnSession',
    summary: 'End one of your sessions',
    description: 'Its tokens are refused in every process within a second.',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id: sessionId },
    responses: [{ status: 204, description: 'The session has ended.' }],
    problems: [noSuchSession, accountsUnavailable],
    async handler({ principal, requestId, params: { id } }) {
      const by = byOf(principal, requestId)
      const isEnded = await orUnavailable(administration.endSession(id, by, principal.userId))
      if (!isEnded) throw new Problem(noSuchSession)
      onRevoked(id)
      return withoutBody(204)
    },
  })
