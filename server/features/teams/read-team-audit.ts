// GET /api/teams/:id/audit: who changed what in a team.

import { auditPage, auditQuery, auditReply } from '../../http/audit-page.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { orUnavailable, teamProblems } from '../../identity/team-access.ts'
import type { TeamParts } from './parts.ts'
import { valueOf } from './problems.ts'
import { id, tag } from './vocabulary.ts'

const route = '/api/teams/:id/audit'

export const readTeamAudit = ({ teams, audit }: TeamParts) =>
  endpoint({
    method: 'GET',
    path: route,
    operationId: 'readTeamAudit',
    summary: 'Read who changed what in a team',
    description: 'For admins of the team.',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    query: auditQuery(route),
    responses: [auditPage],
    problems: teamProblems,
    async handler({ principal, params, query: { limit, after } }) {
      await valueOf(teams.mayReadAudit(principal.userId, params.id))
      const subject = { kind: 'team', id: params.id } as const
      const page = await orUnavailable(audit.read({ subject, before: after?.id, count: limit }))
      return auditReply(page, { route, path: `/api/teams/${params.id}/audit`, limit })
    },
  })
