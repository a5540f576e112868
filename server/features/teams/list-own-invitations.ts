// GET /api/invitations: which teams ask you to join.

import { endpoint } from '../../http/contract/endpoint.ts'
import { nextLink } from '../../http/cursor.ts'
import { pageQuery, rangeOf } from '../../http/paging.ts'
import { teamsUnavailable } from '../../identity/team-access.ts'
import type { TeamParts } from './parts.ts'
import { refusals, valueOf } from './problems.ts'
import { invitationPage, shownInvitation, tag } from './vocabulary.ts'

const path = '/api/invitations'

export const listOwnInvitations = ({ teams }: TeamParts) =>
  endpoint({
    method: 'GET',
    path,
    operationId: 'listOwnInvitations',
    summary: 'List the open invitations to your address',
    description: 'Without their tokens: those are sent to the address.',
    tag,
    auth: 'bearer',
    limit: 'user',
    query: pageQuery(path),
    responses: [invitationPage],
    problems: [refusals['email-not-verified'], teamsUnavailable],
    async handler({ principal, query }) {
      const page = await valueOf(teams.listInvitationsTo(principal.userId, rangeOf(query)))
      return invitationPage.reply(
        { invitations: page.items.map(shownInvitation) },
        nextLink(path, query.limit, page.next),
      )
    },
  })
