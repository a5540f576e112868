// DELETE /api/teams/:id: the end of a team, of its todos, its memberships and its invitations.

import { withoutBody } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { teamProblems } from '../../identity/team-access.ts'
import { actorOf } from '../../identity/actor.ts'
import type { TeamParts } from './parts.ts'
import { valueOf } from './problems.ts'
import { id, tag } from './vocabulary.ts'

export const deleteTeam = ({ teams }: TeamParts) =>
  endpoint({
    method: 'DELETE',
    path: '/api/teams/:id',
    operationId: 'deleteTeam',
    summary: 'Delete a team',
    description: 'For its admins. Its todos, memberships and invitations go with it.',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    responses: [{ status: 204, description: 'The team was deleted.' }],
    problems: teamProblems,
    async handler(input) {
      await valueOf(teams.remove(actorOf(input), input.params.id))
      return withoutBody(204)
    },
  })
