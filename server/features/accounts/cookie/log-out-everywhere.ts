// POST /auth/cookie/logout-everywhere: the end of all sessions of whose cookie it is, and of the cookie.

import { sessionIdOf } from '../../../../lib/accounts/refresh-token.ts'
import { withoutBody } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { accountsUnavailable, orUnavailable, tag, type AccountParts } from '../parts.ts'
import { endSessionsOf } from '../sessions/end-own-sessions.ts'
import { clearCookie, cookiePath, readCookie } from './refresh-cookie.ts'
import {
  cookieHeader,
  emptyBody,
  headers,
  notAnObject,
  notOwnOrigin,
  requireOwnOrigin,
} from './vocabulary.ts'

export const logoutEverywhereWithCookie = (parts: AccountParts) =>
  endpoint({
    method: 'POST',
    path: `${cookiePath}/logout-everywhere`,
    operationId: 'logoutEverywhereWithCookie',
    summary: 'Log out everywhere, from the page',
    description:
      'As `DELETE /auth/sessions`, for whose refresh token is in the cookie, which is taken away. That there is none is no error. Of a session that has ended, it ends no other.',
    tag,
    auth: 'none',
    needsCookie: true,
    limit: 'address',
    headers,
    body: emptyBody,
    responses: [
      {
        status: 204,
        description: 'No session of the account goes on, if the cookie was of one that did.',
        headers: [cookieHeader],
      },
    ],
    problems: [notOwnOrigin, notAnObject, accountsUnavailable],
    async handler({ request, requestId }) {
      requireOwnOrigin(request)
      const token = parts.refreshTokens.read(readCookie(request) ?? '')
      const userId =
        token && (await orUnavailable(parts.accounts.ownerOf(sessionIdOf(token.family))))
      // While they can't be ended, the cookie stays: asked again, they are.
      if (userId !== undefined) await endSessionsOf(parts, userId, { actorId: userId, requestId })
      return withoutBody(204, clearCookie(request))
    },
  })
