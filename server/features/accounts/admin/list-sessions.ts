// GET /api/admin/accounts/:id/sessions: where an account is logged in.

import { sessionsShownMax } from '../../../../lib/accounts/administration.ts'
import { list, named, object } from '../../../../lib/domain/shape.ts'
import { answer } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { Problem } from '../../../http/problem.ts'
import { noStore } from '../../../http/response-headers.ts'
import { accountsUnavailable, orUnavailable } from '../parts.ts'
import { exampleSession, sessionMembers } from '../sessions/vocabulary.ts'
import { accountId, noSuchAccount, tag, type AdminParts } from './vocabulary.ts'

const sessions = answer({
  status: 200,
  description: `The sessions that go on, the newest first: ${sessionsShownMax} at most.`,
  headers: [noStore],
  body: named(
    'Sessions',
    object({
      sessions: list(object(sessionMembers)),
    }),
  ),
  examples: [{ sessions: [exampleSession] }],
})

export const listSessions = ({ administration }: AdminParts) =>
  endpoint({
    method: 'GET',
    path: '/api/admin/accounts/:id/sessions',
    operationId: 'listSessions',
    summary: "List an account's sessions",
    tag,
    auth: 'system-admin',
    limit: 'user',
    params: { id: accountId },
    responses: [sessions],
    problems: [noSuchAccount, accountsUnavailable],
    async handler({ params: { id } }) {
      const found = await orUnavailable(administration.sessions(id))
      if (found.length === 0 && !(await orUnavailable(administration.find(id))))
        throw new Problem(noSuchAccount)
      return sessions.reply({ sessions: found })
    },
  })
