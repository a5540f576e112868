// POST /api/invitations/accept: you join the team that has invited you. The token is in the body, for
// paths are in logs.

import { endpoint } from '../../http/contract/endpoint.ts'
import { teamsUnavailable } from '../../identity/team-access.ts'
import { actorOf } from '../../identity/actor.ts'
import type { TeamParts } from './parts.ts'
import { refusals, valueOf } from './problems.ts'
import { oneTeam, shownTeam, tag, tokenBody } from './vocabulary.ts'

export const acceptInvitation = ({ teams }: TeamParts) =>
  endpoint({
    method: 'POST',
    path: '/api/invitations/accept',
    operationId: 'acceptInvitation',
    summary: 'Join the team that has invited you',
    description: 'It takes the token, and an account of the address that was invited.',
    tag,
    auth: 'bearer',
    limit: 'user',
    body: tokenBody,
    responses: [oneTeam],
    problems: [
      refusals['no-account'],
      refusals['no-such-invitation'],
      refusals['invitation-for-another'],
      refusals['already-a-member'],
      refusals['too-many-teams'],
      refusals['too-many-members'],
      teamsUnavailable,
    ],
    async handler(input) {
      return oneTeam.reply(shownTeam(await valueOf(teams.accept(actorOf(input), input.body.token))))
    },
  })
