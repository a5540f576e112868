// PUT /api/todos/:id/shares: a user, a team or an address may see a todo of yours, or change it.

import { endpoint } from '../../http/contract/endpoint.ts'
import { actorOf } from '../../identity/actor.ts'
import type { ShareParts } from './parts.ts'
import { refusals, shareProblems, valueOf } from './problems.ts'
import { id, oneShare, shareBody, shownShare, tag } from './vocabulary.ts'

export const shareTodo = ({ shares }: ShareParts) =>
  endpoint({
    method: 'PUT',
    path: '/api/todos/:id/shares',
    operationId: 'shareTodo',
    summary: 'Share a personal todo of your own, or change the role',
    description:
      'It can be repeated. Whether an email address has an account is not told: one that has none is answered alike, and the share waits until somebody registers and confirms it.',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    body: shareBody,
    responses: [oneShare],
    problems: [
      refusals['no-account'],
      refusals['no-such-account'],
      refusals['unknown-team'],
      refusals['own-todo'],
      refusals['too-many-shares'],
      ...shareProblems,
    ],
    async handler(input) {
      const { params, body } = input
      const asked = shares.share(actorOf(input), params.id, body.grantee, body.role)
      return oneShare.reply(shownShare(await valueOf(asked)))
    },
  })
