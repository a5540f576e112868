// GET /api/teams: the teams that you are in.

import { endpoint } from '../../http/contract/endpoint.ts'
import { nextLink } from '../../http/cursor.ts'
import { pageQuery, rangeOf } from '../../http/paging.ts'
import { orUnavailable, teamsUnavailable } from '../../identity/team-access.ts'
import type { TeamParts } from './parts.ts'
import { shownTeam, tag, teamPage } from './vocabulary.ts'

const path = '/api/teams'

export const listTeams = ({ teams }: TeamParts) =>
  endpoint({
    method: 'GET',
    path,
    operationId: 'listTeams',
    summary: 'List the teams that you are in',
    tag,
    auth: 'bearer',
    limit: 'user',
    query: pageQuery(path),
    responses: [teamPage],
    problems: [teamsUnavailable],
    async handler({ principal, query }) {
      const page = await orUnavailable(teams.listOf(principal.userId, rangeOf(query)))
      return teamPage.reply(
        { teams: page.items.map(shownTeam) },
        nextLink(path, query.limit, page.next),
      )
    },
  })
