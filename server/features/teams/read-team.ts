// GET /api/teams/:id: a team that you are in.

import { endpoint } from '../../http/contract/endpoint.ts'
import { teamProblems } from '../../identity/team-access.ts'
import type { TeamParts } from './parts.ts'
import { valueOf } from './problems.ts'
import { id, oneTeam, shownTeam, tag } from './vocabulary.ts'

export const readTeam = ({ teams }: TeamParts) =>
  endpoint({
    method: 'GET',
    path: '/api/teams/:id',
    operationId: 'readTeam',
    summary: 'Read a team',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    responses: [oneTeam],
    problems: teamProblems,
    async handler({ principal, params }) {
      return oneTeam.reply(shownTeam(await valueOf(teams.read(principal.userId, params.id))))
    },
  })
