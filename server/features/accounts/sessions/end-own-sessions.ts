// DELETE /auth/sessions: logged out everywhere.

import { withoutBody } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { accountsUnavailable, orUnavailable, tag, type AccountParts } from '../parts.ts'
import { byOf } from './vocabulary.ts'

export const endOwnSessions = (parts: AccountParts) =>
  endpoint({
    method: 'DELETE',
    path: '/auth/sessions',
    operationId: 'endOwnSessions',
    summary: 'Log out everywhere',
    description:
      'Ends all sessions of the account, the one that asks included. Their tokens are refused in every process within a second.',
    tag,
    auth: 'bearer',
    limit: 'user',
    responses: [{ status: 204, description: 'None of your sessions goes on.' }],
    problems: [accountsUnavailable],
    async handler({ principal, requestId }) {
      await endSessionsOf(parts, principal.userId, byOf(principal, requestId))
      return withoutBody(204)
    },
  })

/** Does nothing where there is no such account. */
export const endSessionsOf = async (
  { administration, onRevoked }: AccountParts,
  userId: string,
  by: ReturnType<typeof byOf>,
): Promise<void> => {
  const change = await orUnavailable(administration.endSessions(userId, by))
  change?.ended.forEach(onRevoked)
}
