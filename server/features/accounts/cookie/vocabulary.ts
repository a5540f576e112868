// What the endpoints of the cookie share: who may ask, and how they answer.

import { named, object, oneOf, optional, string } from '../../../../lib/domain/shape.ts'
import { answer } from '../../../http/contract/answer.ts'
import type { Request, Reply } from '../../../http/engines/engine.ts'
import { isFromOwnOrigin } from '../../../http/own-origin.ts'
import { Problem, type ProblemKind } from '../../../http/problem.ts'
import { invalid } from '../../../http/problems.ts'
import { noStore, type ResponseHeader } from '../../../http/response-headers.ts'
import {
  accessToken,
  exampleTokens,
  expiresIn,
  ignored,
  type AccountParts,
  type SessionTokens,
} from '../parts.ts'
import { cookiePath, localName, secureName, setCookie } from './refresh-cookie.ts'

export const notOwnOrigin: ProblemKind = {
  type: {
    slug: 'not-own-origin',
    status: 403,
    when: 'The request does not come from a page of this server: `Sec-Fetch-Site` is not `same-origin`, or `Origin` is missing or names another host.',
    remedy:
      'A page of another origin, or a program, uses `POST /auth/login`, and keeps the refresh token itself. Behind a proxy, let `Host` through as the browser sent it.',
  },
  detail: 'only a page of this server may use the cookie',
}

/** Before anything else is done. */
export const requireOwnOrigin = (request: Request): void => {
  if (!isFromOwnOrigin(request)) throw new Problem(notOwnOrigin)
}

export const headers = {
  origin: {
    name: 'Origin',
    description: 'Set by browsers: where the page is from. It must be this server.',
    example: 'https://todos.example',
    component: 'OwnOrigin',
    shape: optional(string()),
  },
}

/** No member is read. That there is JSON at all is what a form of another site can't send. */
export const emptyBody = {
  shape: named('Empty', object({}, { description: ignored })),
  examples: [{}],
}

/** What a body that is JSON, and no object, is refused with. */
export const notAnObject = invalid('the body must be a JSON object', 'body')

export const cookieHeader: ResponseHeader = {
  name: 'Set-Cookie',
  description: `The refresh token, in \`${secureName}\` (\`${localName}\` for a page from \`http://localhost\`): \`HttpOnly\`, \`SameSite=Strict\`, and with requests to \`${cookiePath}\` only.`,
  schema: {
    type: 'string',
    pattern: `todos-refresh=[^;]*; Max-Age=\\d+; Path=${cookiePath}; HttpOnly; SameSite=Strict`,
  },
  isRequired: true,
}

export const pageTokens = answer({
  status: 200,
  component: 'PageTokens',
  description: 'The access token. The refresh token is in the cookie, and nowhere else.',
  headers: [noStore, cookieHeader],
  body: named(
    'PageTokens',
    object({
      access_token: accessToken,
      token_type: oneOf('Bearer'),
      expires_in: expiresIn,
    }),
  ),
  examples: [
    {
      access_token: exampleTokens.access_token,
      token_type: exampleTokens.token_type,
      expires_in: exampleTokens.expires_in,
    },
  ],
})

export const pageTokensReply = (
  request: Request,
  { refresh_token, ...others }: SessionTokens,
  { refreshTtlSec }: AccountParts,
): Reply => pageTokens.reply(others, setCookie(request, refresh_token, refreshTtlSec))
