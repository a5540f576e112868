// DELETE /api/teams/:id/invitations/:invitationId: an invitation that nobody can use any more.

import { withoutBody } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { teamProblems } from '../../identity/team-access.ts'
import { actorOf } from '../../identity/actor.ts'
import type { TeamParts } from './parts.ts'
import { refusals, valueOf } from './problems.ts'
import { id, invitationId, tag } from './vocabulary.ts'

export const withdrawInvitation = ({ teams }: TeamParts) =>
  endpoint({
    method: 'DELETE',
    path: '/api/teams/:id/invitations/:invitationId',
    operationId: 'withdrawInvitation',
    summary: 'Withdraw an invitation',
    description: 'For admins of the team.',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id, invitationId },
    responses: [{ status: 204, description: 'The invitation is void.' }],
    problems: [refusals['no-such-invitation'], ...teamProblems],
    async handler(input) {
      const { params } = input
      await valueOf(teams.withdraw(actorOf(input), params.id, params.invitationId))
      return withoutBody(204)
    },
  })
