// POST /api/teams: a team, of which you are the admin.

import { endpoint } from '../../http/contract/endpoint.ts'
import { teamsUnavailable } from '../../identity/team-access.ts'
import { actorOf } from '../../identity/actor.ts'
import type { TeamParts } from './parts.ts'
import { refusals, valueOf } from './problems.ts'
import { createdTeam, shownTeam, tag, teamBody } from './vocabulary.ts'

export const createTeam = ({ teams }: TeamParts) =>
  endpoint({
    method: 'POST',
    path: '/api/teams',
    operationId: 'createTeam',
    summary: 'Create a team',
    tag,
    auth: 'bearer',
    limit: 'user',
    body: teamBody,
    responses: [createdTeam],
    problems: [refusals['no-account'], refusals['too-many-teams'], teamsUnavailable],
    async handler(input) {
      const team = await valueOf(teams.create(actorOf(input), input.body.name))
      return createdTeam.reply(shownTeam(team), ['Location', `/api/teams/${team.id}`])
    },
  })
