// POST /auth/cookie/login: the beginning of a session whose refresh token no script can read.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { beginSession, loginBody, loginProblems } from '../log-in.ts'
import { tag, type AccountParts } from '../parts.ts'
import { cookiePath } from './refresh-cookie.ts'
import {
  headers,
  notOwnOrigin,
  pageTokens,
  pageTokensReply,
  requireOwnOrigin,
} from './vocabulary.ts'

export const loginWithCookie = (parts: AccountParts) =>
  endpoint({
    method: 'POST',
    path: `${cookiePath}/login`,
    operationId: 'loginWithCookie',
    summary: 'Log in, from the page',
    description:
      'As `POST /auth/login`, for a page of this server: the refresh token is kept by the browser, in a cookie that no script can read.',
    tag,
    auth: 'none',
    limit: 'address',
    headers,
    body: loginBody,
    responses: [pageTokens],
    problems: [notOwnOrigin, ...loginProblems],
    async handler({ request, client, body }) {
      requireOwnOrigin(request)
      const userAgent = request.header('user-agent')
      const begun = await beginSession(parts, body, userAgent, client.key)
      return pageTokensReply(request, begun, parts)
    },
  })
