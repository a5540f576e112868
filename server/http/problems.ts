// The refusals that are HTTP's own, whatever a request is for: each text once, for the answer and for
// the document.

import { InvalidField } from '../../lib/domain/shape.ts'
import { unavailable, type ProblemKind } from './problem.ts'
import { retryAfter, type ResponseHeader } from './response-headers.ts'

// What engines refuse: it is no request yet.

export const malformed: ProblemKind = { status: 400, detail: 'malformed request' }
export const headTooLarge: ProblemKind = {
  status: 431,
  detail: 'the request headers are too large',
  when: 'The request headers are too large. `HTTP_ENGINE=uws` says so in HTML.',
}
export const tooSlow: ProblemKind = {
  status: 408,
  detail: 'the request did not arrive in time',
  when: 'The request did not arrive in time. `HTTP_ENGINE=uws` closes the connection without an answer.',
}
export const unexpected: ProblemKind = {
  status: 417,
  detail: 'the only supported expectation is 100-continue',
  field: 'Expect',
}
export const noTunnel: ProblemKind = { status: 501, detail: 'CONNECT is not supported' }
/** Both engines take any Host, or several, so this is theirs to answer. */
export const badHost: ProblemKind = {
  status: 400,
  detail: 'send exactly one Host header: a name and an optional port',
  field: 'Host',
  close: true,
}

// What the router refuses.

export const nothingAt = (path: string): ProblemKind => ({
  status: 404,
  detail: `no such resource: ${path}`,
})
export const notAllowed = (allow: string): ProblemKind => ({
  status: 405,
  detail: `method not allowed: use ${allow}`,
})
export const invalidFields = ({ message, field, errors }: InvalidField): ProblemKind => ({
  status: 400,
  detail: message,
  field,
  errors,
})
export const invalid = (detail: string, field: string): ProblemKind =>
  invalidFields(new InvalidField(field, detail))
/** `advice`: what was probably meant, or what there is. */
export const unknownParameter = (name: string, advice: string): InvalidField =>
  new InvalidField(
    name || 'query',
    `${name === '' ? 'an empty name' : name} is not a parameter: ${advice}`,
  )
export const failed: ProblemKind = {
  status: 500,
  detail: 'internal error: see the server log',
  when: 'Internal error.',
}
export const tooManyInFlight = unavailable('too many requests in flight', {
  when: 'Too many requests in flight.',
})
export const tooManyReads = unavailable('too many reads are waiting for the database', {
  when: 'Too many reads are waiting for the database.',
})
export const readTimedOut = unavailable('the database did not answer in time', {
  when: 'The read waited too long for its turn.',
})
export const tooManyStreams = unavailable('too many long answers are being sent', {
  when: 'Too many long answers are being sent, in all or to this client.',
})
/** How a read queue refuses. */
export const readQueueProblems = [tooManyReads, readTimedOut] as const

// What is wrong with a token (RFC 6750); a 401 has to name a scheme (RFC 9110, 15.5.2).

export const realm = 'Bearer realm="todos"'
export const authenticateHeader: ResponseHeader = {
  name: 'WWW-Authenticate',
  description: 'The scheme, and what is wrong with the token (RFC 6750).',
  schema: { type: 'string', pattern: '^Bearer realm="todos"' },
  isRequired: true,
}
const unauthorized = (detail: string, value: string): ProblemKind => ({
  status: 401,
  detail,
  when: 'The token is missing or invalid.',
  headers: [{ ...authenticateHeader, value }],
})
export const noToken = unauthorized('send a token: Authorization: Bearer <token>', realm)
export const notBearer = 'the Authorization header must be: Bearer <token>'
export const invalidToken = (reason: string): ProblemKind =>
  unauthorized(reason, `${realm}, error="invalid_token", error_description="${reason}"`)

// What limits refuse.

const tooMany = (detail: string, seconds: number): ProblemKind => ({
  status: 429,
  detail,
  when: 'Too many requests: `RateLimit-Policy` names the limit.',
  headers: [{ ...retryAfter, value: String(seconds) }],
})
export const tooManyAtOnce = tooMany('too many concurrent requests: wait for responses', 1)
export const tooManyRequests = (seconds: number): ProblemKind =>
  tooMany(`too many requests: try again in ${seconds} s`, seconds)
