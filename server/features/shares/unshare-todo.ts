// DELETE /api/todos/:id/shares/:shareId: whom a todo of yours was shared with sees it no more.

import { withoutBody } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { actorOf } from '../../identity/actor.ts'
import type { ShareParts } from './parts.ts'
import { refusals, shareProblems, valueOf } from './problems.ts'
import { id, shareId, tag } from './vocabulary.ts'

export const unshareTodo = ({ shares }: ShareParts) =>
  endpoint({
    method: 'DELETE',
    path: '/api/todos/:id/shares/:shareId',
    operationId: 'unshareTodo',
    summary: 'End a share of a personal todo of your own',
    description:
      'Once it is answered, no change that came by this share is applied any more: not even one that was accepted before.',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id, shareId },
    responses: [{ status: 204, description: 'The share has ended.' }],
    problems: [refusals['no-such-share'], ...shareProblems],
    async handler(input) {
      const { id, shareId } = input.params
      await valueOf(shares.unshare(actorOf(input), id, shareId))
      return withoutBody(204)
    },
  })
