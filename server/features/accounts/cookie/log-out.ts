// POST /auth/cookie/logout: the end of the session that the cookie is of, and of the cookie.

import { withoutBody } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { endSession } from '../log-out.ts'
import { accountsUnavailable, tag, type AccountParts } from '../parts.ts'
import { clearCookie, cookiePath, readCookie } from './refresh-cookie.ts'
import {
  cookieHeader,
  emptyBody,
  headers,
  notAnObject,
  notOwnOrigin,
  requireOwnOrigin,
} from './vocabulary.ts'

export const logoutWithCookie = (parts: AccountParts) =>
  endpoint({
    method: 'POST',
    path: `${cookiePath}/logout`,
    operationId: 'logoutWithCookie',
    summary: 'Log out, from the page',
    description:
      'As `POST /auth/logout`, with the refresh token of the cookie, which is taken away. That there is none is no error.',
    tag,
    auth: 'none',
    needsCookie: true,
    limit: 'address',
    headers,
    body: emptyBody,
    responses: [
      {
        status: 204,
        description: 'The session has ended, if there was one.',
        headers: [cookieHeader],
      },
    ],
    problems: [notOwnOrigin, notAnObject, accountsUnavailable],
    async handler({ request }) {
      requireOwnOrigin(request)
      const refreshToken = readCookie(request)
      // While it can't be ended, the cookie stays: asked again, it is.
      if (refreshToken !== undefined) await endSession(parts, refreshToken)
      return withoutBody(204, clearCookie(request))
    },
  })
