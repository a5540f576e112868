// GET /api/teams/:id/invitations: who is asked to join a team and has not answered.

import { endpoint } from '../../http/contract/endpoint.ts'
import { nextLink } from '../../http/cursor.ts'
import { pageQuery, rangeOf } from '../../http/paging.ts'
import { teamProblems } from '../../identity/team-access.ts'
import type { TeamParts } from './parts.ts'
import { valueOf } from './problems.ts'
import { id, invitationPage, shownInvitation, tag } from './vocabulary.ts'

const path = '/api/teams/:id/invitations'

export const listInvitations = ({ teams }: TeamParts) =>
  endpoint({
    method: 'GET',
    path,
    operationId: 'listInvitations',
    summary: "List a team's open invitations",
    description: 'For admins of the team.',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    query: pageQuery(path),
    responses: [invitationPage],
    problems: teamProblems,
    async handler({ principal, params, query }) {
      const page = await valueOf(teams.listInvitations(principal.userId, params.id, rangeOf(query)))
      return invitationPage.reply(
        { invitations: page.items.map(shownInvitation) },
        nextLink(`/api/teams/${params.id}/invitations`, query.limit, page.next, path),
      )
    },
  })
