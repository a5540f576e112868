// POST /api/teams/:id/invitations: an address is asked to join a team, whether it has an account or not.

import { endpoint } from '../../http/contract/endpoint.ts'
import { teamProblems } from '../../identity/team-access.ts'
import { actorOf } from '../../identity/actor.ts'
import type { TeamParts } from './parts.ts'
import { refusals, valueOf } from './problems.ts'
import { id, invitationBody, sentInvitation, shownInvitation, tag } from './vocabulary.ts'

export const invite = ({ teams }: TeamParts) =>
  endpoint({
    method: 'POST',
    path: '/api/teams/:id/invitations',
    operationId: 'invite',
    summary: 'Invite an email address to a team',
    description:
      'For admins of the team. The address may have no account yet. It gets the token by mail. A server that sends no mail answers with the token, for you to hand over.',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    body: invitationBody,
    responses: [sentInvitation],
    problems: [
      refusals['already-a-member'],
      refusals['too-many-invitations'],
      refusals['mail-busy'],
      refusals['too-many-mails'],
      ...teamProblems,
    ],
    async handler(input) {
      const { params, body } = input
      const { invitation, token } = await valueOf(
        teams.invite(actorOf(input), params.id, body.email),
      )
      const shown = shownInvitation(invitation)
      return sentInvitation.reply(token === undefined ? shown : { ...shown, token })
    },
  })
