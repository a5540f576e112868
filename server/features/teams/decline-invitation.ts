// POST /api/invitations/decline: you do not join the team that has invited you.

import { withoutBody } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { teamsUnavailable } from '../../identity/team-access.ts'
import { actorOf } from '../../identity/actor.ts'
import type { TeamParts } from './parts.ts'
import { refusals, valueOf } from './problems.ts'
import { tag, tokenBody } from './vocabulary.ts'

export const declineInvitation = ({ teams }: TeamParts) =>
  endpoint({
    method: 'POST',
    path: '/api/invitations/decline',
    operationId: 'declineInvitation',
    summary: 'Decline an invitation',
    tag,
    auth: 'bearer',
    limit: 'user',
    body: tokenBody,
    responses: [{ status: 204, description: 'The invitation is void.' }],
    problems: [
      refusals['no-account'],
      refusals['no-such-invitation'],
      refusals['invitation-for-another'],
      teamsUnavailable,
    ],
    async handler(input) {
      await valueOf(teams.decline(actorOf(input), input.body.token))
      return withoutBody(204)
    },
  })
