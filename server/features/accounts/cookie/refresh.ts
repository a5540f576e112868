// POST /auth/cookie/refresh: the next tokens of the session that the cookie is of.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { Problem } from '../../../http/problem.ts'
import { nextTokens, refreshProblems } from '../refresh.ts'
import { refusal, tag, type AccountParts } from '../parts.ts'
import { cookiePath, readCookie } from './refresh-cookie.ts'
import {
  emptyBody,
  headers,
  notAnObject,
  notOwnOrigin,
  pageTokens,
  pageTokensReply,
  requireOwnOrigin,
} from './vocabulary.ts'

const noCookie = refusal(
  {
    slug: 'no-refresh-cookie',
    when: 'There is no cookie of a session, or there are two of them: another server under the same domain may have set one.',
    remedy:
      'Log in (`POST /auth/cookie/login`). Where there are two, clear the cookies of the domain.',
  },
  'there is no cookie of a session, or more than one',
)

export const refreshWithCookie = (parts: AccountParts) =>
  endpoint({
    method: 'POST',
    path: `${cookiePath}/refresh`,
    operationId: 'refreshWithCookie',
    summary: 'Get a new access token, from the page',
    description:
      'As `POST /auth/refresh`, with the refresh token of the cookie, which is replaced. Two tabs may do so at once.',
    tag,
    auth: 'none',
    needsCookie: true,
    limit: 'address',
    headers,
    body: emptyBody,
    responses: [pageTokens],
    problems: [notOwnOrigin, notAnObject, noCookie, ...refreshProblems],
    async handler({ request, requestId }) {
      requireOwnOrigin(request)
      const refreshToken = readCookie(request)
      if (refreshToken === undefined) throw new Problem(noCookie)
      return pageTokensReply(request, await nextTokens(parts, refreshToken, requestId), parts)
    },
  })
