// GET /auth/sessions: where one is logged in.

import { sessionsShownMax } from '../../../../lib/accounts/administration.ts'
import { boolean, described, list, named, object } from '../../../../lib/domain/shape.ts'
import { answer } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { noStore } from '../../../http/response-headers.ts'
import { accountsUnavailable, orUnavailable, tag, type AccountParts } from '../parts.ts'
import { exampleSession, sessionMembers } from './vocabulary.ts'

const sessions = answer({
  status: 200,
  description: `Your sessions that go on, the newest first: ${sessionsShownMax} at most.`,
  headers: [noStore],
  body: named(
    'OwnSessions',
    object({
      sessions: list(
        object({
          ...sessionMembers,
          is_current: described(boolean, 'Whether it is the one of this token.'),
        }),
      ),
    }),
  ),
  examples: [{ sessions: [{ ...exampleSession, is_current: true }] }],
})

export const listOwnSessions = ({ administration }: AccountParts) =>
  endpoint({
    method: 'GET',
    path: '/auth/sessions',
    operationId: 'listOwnSessions',
    summary: 'List where you are logged in',
    description:
      'Of where a session was begun a browser and a network are kept, and neither its version nor the address.',
    tag,
    auth: 'bearer',
    limit: 'user',
    responses: [sessions],
    problems: [accountsUnavailable],
    async handler({ principal: { userId, sessionId } }) {
      const found = await orUnavailable(administration.sessions(userId))
      return sessions.reply({
        sessions: found.map((one) => ({ ...one, is_current: one.id === sessionId })),
      })
    },
  })
