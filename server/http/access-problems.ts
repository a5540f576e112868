// How a request without a good token is refused, and one past a limit.

import { unavailable, type ProblemKind, type ProblemType } from './problem.ts'
import { retryAfter, type ResponseHeader } from './response-headers.ts'

// What is wrong with a token (RFC 6750); a 401 has to name a scheme (RFC 9110, 15.5.2).

export const realm = 'Bearer realm="todos"'
export const authenticateHeader: ResponseHeader = {
  name: 'WWW-Authenticate',
  description: 'The scheme, and what is wrong with the token (RFC 6750).',
  schema: { type: 'string', pattern: '^Bearer realm="todos"' },
  isRequired: true,
}
const unauthorized = (type: ProblemType, detail: string, value: string): ProblemKind => ({
  type,
  detail,
  headers: [{ ...authenticateHeader, value }],
})
export const noToken = unauthorized(
  {
    slug: 'missing-token',
    status: 401,
    when: 'The token is missing.',
    remedy:
      'Log in (`POST /auth/login`) and send the access token: `Authorization: Bearer <token>`.',
  },
  'send a token: Authorization: Bearer <token>',
  realm,
)
const badToken: ProblemType = {
  slug: 'invalid-token',
  status: 401,
  when: 'The token is invalid or has expired, or its session has ended.',
  remedy:
    'Get a new one with the refresh token (`POST /auth/refresh`), then send the request again. Where that fails as well, log in again.',
}
export const notBearer = 'the Authorization header must be: Bearer <token>'
export const invalidToken = (reason: string): ProblemKind =>
  unauthorized(badToken, reason, `${realm}, error="invalid_token", error_description="${reason}"`)

// What a role refuses.

export const notSystemAdmin: ProblemKind = {
  type: {
    slug: 'not-a-system-admin',
    status: 403,
    when: 'The token is good, but its account is no system admin.',
    remedy:
      'Ask who runs the server: `npm run admin -- grant EMAIL` makes an account a system admin, at once.',
  },
  detail: 'only system admins may do this',
}
export const rolesUnavailable = unavailable(
  {
    slug: 'roles-unavailable',
    when: 'Who is a system admin can not be read now.',
    remedy: 'Wait for `Retry-After`, then send it again. `/ready` says which dependency is down.',
  },
  "the account's role can't be read now",
)

// What an account refuses.

export const emailNotVerified: ProblemKind = {
  type: {
    slug: 'email-not-verified',
    status: 403,
    when: 'Who asks is known, but the address of the account is not confirmed, and `AUTH_EMAIL_VERIFICATION` asks for that.',
    remedy:
      'Use the token of the newest mail, or ask for another: `POST /auth/verify-email/request`.',
  },
  detail: 'the address of this account is not confirmed yet',
}

// What limits refuse.

const tooMany = (type: ProblemType, detail: string, seconds: number): ProblemKind => ({
  type,
  detail,
  headers: [{ ...retryAfter, value: String(seconds) }],
})
export const tooManyAtOnce = tooMany(
  {
    slug: 'too-many-at-once',
    status: 429,
    when: 'Too many requests of one user or address wait to be counted against its limit.',
    remedy: 'Wait for answers before sending more: a few requests at a time are enough.',
  },
  'too many concurrent requests: wait for responses',
  1,
)
const pastLimit: ProblemType = {
  slug: 'too-many-requests',
  status: 429,
  when: 'Too many requests: `RateLimit-Policy` names the limit.',
  remedy:
    'Wait for the seconds in `Retry-After`. `RateLimit` says what remains, so that a client can slow down before it is refused.',
}
export const tooManyRequests = (seconds: number): ProblemKind =>
  tooMany(pastLimit, `too many requests: try again in ${seconds} s`, seconds)

// What a WebSocket refuses: no request is answered so.

export const tooManySubscriptions: ProblemKind = {
  type: {
    slug: 'too-many-subscriptions',
    status: 429,
    when: 'The WebSocket watches as many channels as it may.',
    remedy: 'Unsubscribe from one first. The setting `LIVE_SUBSCRIPTIONS_MAX` is the bound.',
  },
  detail: 'this socket watches as many channels as it may',
}
export const tooManyMessages: ProblemKind = {
  type: {
    slug: 'too-many-messages',
    status: 429,
    when: 'The WebSocket sent more messages than it may: it is closed with 1008.',
    remedy: 'Send fewer. The setting `LIVE_MESSAGES_PER_SEC_MAX` is the bound.',
  },
  detail: 'too many messages: this socket is closed',
}
