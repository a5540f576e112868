// The refusals that are HTTP's own, whatever a request is for: each text once, for the answer, for the
// document and for the page that its type leads to.

import { InvalidField } from '../../lib/domain/shape.ts'
import { unavailable, type ProblemKind, type ProblemType } from './problem.ts'

// What engines refuse: it is no request yet.

export const malformed: ProblemKind = {
  type: {
    slug: 'malformed-request',
    status: 400,
    when: 'What was sent is not HTTP/1.1.',
    remedy: 'Send it with an HTTP client, and look at what a proxy in between makes of it.',
  },
  detail: 'malformed request',
}
export const headTooLarge: ProblemKind = {
  type: {
    slug: 'headers-too-large',
    status: 431,
    when: 'The request headers are too large. `HTTP_ENGINE=uws` says so in HTML.',
    remedy:
      'Send fewer or shorter headers; no cookie of another application is needed. The setting `HTTP_HEADER_BYTES_MAX` is the bound.',
  },
  detail: 'the request headers are too large',
}
export const tooSlow: ProblemKind = {
  type: {
    slug: 'request-timeout',
    status: 408,
    when: 'The request did not arrive in time. `HTTP_ENGINE=uws` closes the connection without an answer.',
    remedy:
      'Send it again on another connection. The settings `HTTP_HEADERS_TIMEOUT_MS` and `HTTP_REQUEST_TIMEOUT_MS` are the bounds.',
  },
  detail: 'the request did not arrive in time',
}
export const unexpected: ProblemKind = {
  type: {
    slug: 'unsupported-expectation',
    status: 417,
    when: 'The `Expect` header asks for something else than `100-continue`.',
    remedy: 'Leave the header out.',
  },
  detail: 'the only supported expectation is 100-continue',
  field: 'Expect',
}
export const noTunnel: ProblemKind = {
  type: {
    slug: 'no-tunnel',
    status: 501,
    when: 'The method is `CONNECT`, but this server is no proxy.',
    remedy: 'Check the proxy settings of the client: it takes the API for a proxy.',
  },
  detail: 'CONNECT is not supported',
}
/** Both engines take any Host, or several, so this is theirs to answer. */
export const badHost: ProblemKind = {
  type: {
    slug: 'invalid-host',
    status: 400,
    when: 'The `Host` header is missing, is there twice, or is no host.',
    remedy: 'Send one `Host` header with a name and an optional port, as HTTP clients do.',
  },
  detail: 'send exactly one Host header: a name and an optional port',
  field: 'Host',
  close: true,
}

// What the router refuses.

const noSuchResource: ProblemType = {
  slug: 'no-such-resource',
  status: 404,
  when: 'The path is none that this API has.',
  remedy: 'Compare the path with those in the API documentation; a slash at its end matters.',
}
export const nothingAt = (path: string): ProblemKind => ({
  type: noSuchResource,
  detail: `no such resource: ${path}`,
})
const methodNotAllowed: ProblemType = {
  slug: 'method-not-allowed',
  status: 405,
  when: 'The path is there, but does not take this method.',
  remedy: 'Use one of the methods that the `Allow` header of the answer names.',
}
export const notAllowed = (allow: string): ProblemKind => ({
  type: methodNotAllowed,
  detail: `method not allowed: use ${allow}`,
})
const invalidInput: ProblemType = {
  slug: 'invalid-input',
  status: 400,
  when: 'A parameter, a header or the body is invalid; `errors` names each input at fault.',
  remedy: 'Correct each input that `errors` names. Sent again as it is, the request fails again.',
}
export const invalidFields = ({ message, field, errors }: InvalidField): ProblemKind => ({
  type: invalidInput,
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
  type: {
    slug: 'internal-error',
    status: 500,
    when: 'A fault of the server itself.',
    remedy:
      'Give the `X-Request-Id` of the answer to who runs the server: the line in its log has the same. A write may have happened: read before you repeat it.',
  },
  detail: 'internal error: see the server log',
}
export const tooManyInFlight = unavailable(
  {
    slug: 'too-many-in-flight',
    when: 'Too many requests are unanswered in this process, and it takes no more.',
    remedy:
      'Wait for `Retry-After`, then send the request again. The setting `HTTP_PENDING_MAX` is the bound.',
  },
  'too many requests in flight',
)
export const tooManyReads = unavailable(
  {
    slug: 'too-many-reads',
    when: 'Too many reads wait for the database: of everybody, or of this client alone.',
    remedy:
      'Wait for `Retry-After` and send fewer at a time. The setting `READ_QUEUE_MAX` is the bound.',
  },
  'too many reads are waiting for the database',
)
export const readTimedOut = unavailable(
  {
    slug: 'read-timed-out',
    when: 'The read waited too long for its turn at the database.',
    remedy:
      'Wait for `Retry-After`, then read again. Where it stays so, the database is slow or has too few connections.',
  },
  'the database did not answer in time',
)
export const tooManyStreams = unavailable(
  {
    slug: 'too-many-streams',
    when: 'Too many long answers are being sent, in all or to this client.',
    remedy: 'Read one long answer to its end before asking for the next.',
  },
  'too many long answers are being sent',
)
/** Of what is sent compressed to those who take it. */
export const notAcceptable: ProblemKind = {
  type: {
    slug: 'not-acceptable',
    status: 406,
    when: '`Accept-Encoding` refuses every form that this is available in.',
    remedy: 'Leave the header out, or accept `identity`, `gzip` or `br`.',
  },
  detail: 'Accept-Encoding refuses every form that this is available in',
  field: 'Accept-Encoding',
}
/** How a read queue refuses. */
export const readQueueProblems = [tooManyReads, readTimedOut] as const
