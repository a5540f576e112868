// POST /auth/refresh: the next tokens of a session. A token that comes again ends it.

import { sessionIdOf } from '../../../lib/accounts/refresh-token.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { Problem } from '../../http/problem.ts'
import {
  accountsUnavailable,
  orUnavailable,
  refreshTokenBody,
  refusal,
  sessionEnded,
  tag,
  tokens,
  tokensOf,
  type AccountParts,
  type SessionTokens,
} from './parts.ts'

const notOurs = refusal(
  {
    slug: 'invalid-refresh-token',
    when: 'What was sent is no refresh token of this server.',
    remedy: 'Send `refresh_token` as the last login or refresh gave it, or log in again.',
  },
  'the refresh token is not one of ours',
)

export const refreshProblems = [notOurs, sessionEnded, accountsUnavailable]

export const refresh = (parts: AccountParts) =>
  endpoint({
    method: 'POST',
    path: '/auth/refresh',
    operationId: 'refresh',
    summary: 'Exchange a refresh token for new tokens',
    description:
      'Each refresh token is good once. Used again within a grace (`AUTH_REFRESH_GRACE_SEC`) it gives the same successor, for a reply that was lost; later it ends the session, for it may have been stolen.',
    tag,
    auth: 'none',
    limit: 'address',
    body: refreshTokenBody,
    responses: [tokens],
    problems: refreshProblems,
    handler: async ({ requestId, body }) =>
      tokens.reply(await nextTokens(parts, body.refresh_token, requestId)),
  })

/** Throws unless `refreshToken` is the newest of a session, or was until just now. */
export const nextTokens = async (
  parts: AccountParts,
  refreshToken: string,
  requestId: string,
): Promise<SessionTokens> => {
  const token = parts.refreshTokens.read(refreshToken)
  if (!token) throw new Problem(notOurs)
  const sessionId = sessionIdOf(token.family)
  const rotation = await orUnavailable(
    parts.accounts.rotate(sessionId, token.generation, parts.refreshGraceSec),
  )
  switch (rotation.kind) {
    case 'rotated':
      return tokensOf(parts, rotation.userId, token.family, rotation.generation)
    case 'reused':
      parts.onRevoked(sessionId)
      parts.log.warn(
        { session_id: sessionId, user_id: rotation.userId, request_id: requestId },
        'a refresh token was used again: its session is revoked',
      )
      throw new Problem(sessionEnded)
    case 'ended':
      throw new Problem(sessionEnded)
  }
}
