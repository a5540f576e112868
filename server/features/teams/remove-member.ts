// DELETE /api/teams/:id/members/:userId: a member goes, or you leave.

import { withoutBody } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { teamProblems } from '../../identity/team-access.ts'
import { actorOf } from '../../identity/actor.ts'
import type { TeamParts } from './parts.ts'
import { refusals, valueOf } from './problems.ts'
import { id, tag, userId } from './vocabulary.ts'

export const removeMember = ({ teams }: TeamParts) =>
  endpoint({
    method: 'DELETE',
    path: '/api/teams/:id/members/:userId',
    operationId: 'removeMember',
    summary: 'Remove a member from a team, or leave it',
    description:
      'For admins of the team; with your own id you leave. It holds at once, on every server process. At least one admin is left.',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id, userId },
    responses: [{ status: 204, description: 'The membership has ended.' }],
    problems: [refusals['no-such-member'], refusals['last-admin'], ...teamProblems],
    async handler(input) {
      const { params } = input
      await valueOf(teams.removeMember(actorOf(input), params.id, params.userId))
      return withoutBody(204)
    },
  })
