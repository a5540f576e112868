// POST /auth/logout: the end of a session. As RFC 7009 has it, a token that is no good is not an error:
// what was asked for is so.

import { sessionIdOf } from '../../../lib/accounts/refresh-token.ts'
import { withoutBody } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import {
  accountsUnavailable,
  orUnavailable,
  refreshTokenBody,
  tag,
  type AccountParts,
} from './parts.ts'

export const logout = (parts: AccountParts) =>
  endpoint({
    method: 'POST',
    path: '/auth/logout',
    operationId: 'logout',
    summary: 'Log out',
    description:
      'Its access tokens are refused within a second. A token that is no good is no error.',
    tag,
    auth: 'none',
    limit: 'address',
    body: refreshTokenBody,
    responses: [{ status: 204, description: 'The session has ended, if there was one.' }],
    problems: [accountsUnavailable],
    async handler({ body }) {
      await endSession(parts, body.refresh_token)
      return withoutBody(204)
    },
  })

/** Does nothing where the token is no good. */
export const endSession = async (
  { accounts, refreshTokens, onRevoked }: AccountParts,
  refreshToken: string,
): Promise<void> => {
  const token = refreshTokens.read(refreshToken)
  if (!token) return
  const sessionId = sessionIdOf(token.family)
  await orUnavailable(accounts.revoke(sessionId))
  onRevoked(sessionId)
}
