// DELETE /api/shared/:id: a todo that was shared with you is shared with you no more.

import { withoutBody } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { actorOf } from '../../identity/actor.ts'
import type { ShareParts } from './parts.ts'
import { shareProblems, valueOf } from './problems.ts'
import { id, tag } from './vocabulary.ts'

export const leaveTodo = ({ shares }: ShareParts) =>
  endpoint({
    method: 'DELETE',
    path: '/api/shared/:id',
    operationId: 'leaveTodo',
    summary: 'Leave a todo that is shared with you',
    description:
      'Ends what shares it with you, or with your address. What is shared with a team stays.',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    responses: [{ status: 204, description: 'It is shared with you no more.' }],
    problems: shareProblems,
    async handler(input) {
      await valueOf(shares.leave(actorOf(input), input.params.id))
      return withoutBody(204)
    },
  })
