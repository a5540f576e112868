// PATCH /api/teams/:id: another name for a team.

import { endpoint } from '../../http/contract/endpoint.ts'
import { teamProblems } from '../../identity/team-access.ts'
import { actorOf } from '../../identity/actor.ts'
import type { TeamParts } from './parts.ts'
import { valueOf } from './problems.ts'
import { id, oneTeam, shownTeam, tag, teamBody } from './vocabulary.ts'

export const renameTeam = ({ teams }: TeamParts) =>
  endpoint({
    method: 'PATCH',
    path: '/api/teams/:id',
    operationId: 'renameTeam',
    summary: 'Rename a team',
    description: 'For its admins.',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    body: teamBody,
    responses: [oneTeam],
    problems: teamProblems,
    async handler(input) {
      const { params, body } = input
      return oneTeam.reply(
        shownTeam(await valueOf(teams.rename(actorOf(input), params.id, body.name))),
      )
    },
  })
