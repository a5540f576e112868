// PATCH /api/teams/:id/members/:userId: a member becomes an admin, or an admin a member.

import { endpoint } from '../../http/contract/endpoint.ts'
import { teamProblems } from '../../identity/team-access.ts'
import { actorOf } from '../../identity/actor.ts'
import type { TeamParts } from './parts.ts'
import { refusals, valueOf } from './problems.ts'
import { id, oneMember, roleBody, shownMember, tag, userId } from './vocabulary.ts'

export const setRole = ({ teams }: TeamParts) =>
  endpoint({
    method: 'PATCH',
    path: '/api/teams/:id/members/:userId',
    operationId: 'setRole',
    summary: 'Make a member an admin, or an admin a member',
    description: 'For admins of the team, of which at least one is left.',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id, userId },
    body: roleBody,
    responses: [oneMember],
    problems: [refusals['no-such-member'], refusals['last-admin'], ...teamProblems],
    async handler(input) {
      const { params, body } = input
      const changed = teams.setRole(actorOf(input), params.id, params.userId, body.role)
      return oneMember.reply(shownMember(await valueOf(changed)))
    },
  })
