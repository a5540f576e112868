// DELETE /api/admin/dead-letters/:id: nobody wants it applied.

import { withoutBody } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { Problem, orProblem } from '../../../http/problem.ts'
import {
  letterId,
  lettersUnavailable,
  noSuchLetter,
  path,
  tag,
  type DeadLetterParts,
} from './vocabulary.ts'

export const discardDeadLetter = ({ letterChanges }: DeadLetterParts) =>
  endpoint({
    method: 'DELETE',
    path: `${path}/:id`,
    operationId: 'discardDeadLetter',
    summary: 'Discard a dead letter',
    description: 'For good: nobody can bring it back.',
    tag,
    auth: 'system-admin',
    limit: 'user',
    params: { id: letterId },
    responses: [{ status: 204, description: 'The letter is gone.' }],
    problems: [noSuchLetter, lettersUnavailable],
    async handler({ principal, requestId, params: { id } }) {
      const by = { actorId: principal.userId, requestId }
      const isGone = await letterChanges.discard(id, by).catch(orProblem(lettersUnavailable))
      if (!isGone) throw new Problem(noSuchLetter)
      return withoutBody(204)
    },
  })
