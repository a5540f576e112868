// GET /api/teams/:id/members: who is in a team that you are in.

import { endpoint } from '../../http/contract/endpoint.ts'
import { nextLink } from '../../http/cursor.ts'
import { pageQuery, rangeOf } from '../../http/paging.ts'
import { teamProblems } from '../../identity/team-access.ts'
import type { TeamParts } from './parts.ts'
import { valueOf } from './problems.ts'
import { id, memberPage, shownMember, tag } from './vocabulary.ts'

const path = '/api/teams/:id/members'

export const listMembers = ({ teams }: TeamParts) =>
  endpoint({
    method: 'GET',
    path,
    operationId: 'listMembers',
    summary: 'List the members of a team',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    query: pageQuery(path),
    responses: [memberPage],
    problems: teamProblems,
    async handler({ principal, params, query }) {
      const page = await valueOf(teams.listMembers(principal.userId, params.id, rangeOf(query)))
      return memberPage.reply(
        { members: page.items.map(shownMember) },
        nextLink(`/api/teams/${params.id}/members`, query.limit, page.next, path),
      )
    },
  })
