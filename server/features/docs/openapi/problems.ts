// The errors that operations answer with, as the class makes them that the server itself throws.

import { Problem, type ProblemStatus } from '../../../http/problem.ts'
import {
  applied,
  appliedIfAsked,
  constant,
  examplesOf,
  header,
  noStore,
  rateLimit,
  requestId,
  requestIdIfAny,
  retryAfter,
} from './parts.ts'
import type { Headers, Responses } from './openapi.ts'
import { ref } from './schemas.ts'

type Example = { readonly detail: string; readonly field?: string; readonly publish?: string }

export const problem = (
  status: ProblemStatus,
  description: string,
  examples: readonly Example[],
  headers: Headers = {},
): Responses => unnamed(status, description, examples, { ...requestId, ...headers })

const unnamed = (
  status: ProblemStatus,
  description: string,
  examples: readonly Example[],
  headers: Headers = {},
): Responses => ({
  [status]: {
    description,
    headers: { ...noStore, ...headers },
    content: {
      'application/problem+json': {
        schema: ref('Problem'),
        ...examplesOf(
          examples.map(({ detail, field, publish }) => {
            const { reply } = new Problem(status, detail, {
              ...(field !== undefined && { field }),
              ...(publish !== undefined && { members: { publish } }),
            })
            return JSON.parse(reply.body.toString()) as unknown
          }),
        ),
      },
    },
  },
})

/** The 400, and what any request may be answered with before it is looked at further. */
export const badRequest = (...examples: Example[]): Responses => ({
  ...unnamed(
    400,
    'The request is wrong; `field` says where.',
    [
      ...examples,
      { detail: 'send one Host header: a name, and a port if you like', field: 'Host' },
    ],
    requestIdIfAny,
  ),
  ...unnamed(
    408,
    'The request did not come in time. `HTTP_ENGINE=uws` closes the connection without a word.',
    [{ detail: 'the request did not come in time' }],
  ),
  ...unnamed(431, 'The head of the request is too large. `HTTP_ENGINE=uws` says so in HTML.', [
    { detail: 'the head of the request is too large' },
  ]),
})

export const failed = problem(500, 'The server failed.', [
  { detail: 'the server failed; the log says why' },
])

export const unauthorized = problem(
  401,
  'There is no token, or it is not good.',
  [{ detail: 'send a token: Authorization: Bearer <token>' }, { detail: 'the token has expired' }],
  {
    'WWW-Authenticate': header('The scheme, and what is wrong with the token (RFC 6750).', {
      ...{ type: 'string', pattern: '^Bearer realm="todos"' },
    }),
  },
)

export const notFound = problem(404, 'There is no such todo.', [
  { detail: 'there is no such todo' },
])

/** Another user's is none, too. */
export const noneOfYours = problem(
  404,
  'You have no such todo.',
  [{ detail: 'there is no such todo' }],
  appliedIfAsked,
)

export const exists = problem(
  409,
  'There is a todo with this id already.',
  [{ detail: 'there is a todo with this id already' }],
  appliedIfAsked,
)

/** What came of a write that was waited for, when it had no effect. */
export const noEffect: Responses = {
  ...problem(
    403,
    "With `Prefer: wait`: the todo is another user's.",
    [{ detail: "the todo is another user's" }],
    applied,
  ),
  ...problem(
    404,
    'With `Prefer: wait`: there is no such todo.',
    [{ detail: 'there is no such todo' }],
    applied,
  ),
}

export const conflict = problem(
  409,
  'With `Prefer: wait`: there is a todo with this id already.',
  [{ detail: 'there is a todo with this id already' }],
  applied,
)

export const unfitBody = (bytesMax: number): Responses => ({
  ...problem(413, `The body has more than ${bytesMax} bytes. The connection is closed.`, [
    { detail: `the body must have at most ${bytesMax} bytes` },
  ]),
  ...problem(
    415,
    'The body is of another media type.',
    [{ detail: 'send the body as Content-Type: application/json', field: 'Content-Type' }],
    { 'Accept-Post': constant('The media type to send.', 'application/json') },
  ),
})

/** A write's body may fit, and the command that is made of it not. */
export const unfitWrite = (bytesMax: number): Responses => ({
  ...unfitBody(bytesMax),
  ...problem(
    413,
    `The body has more than ${bytesMax} bytes: the connection is closed. Or the command log takes no command as large.`,
    [
      { detail: `the body must have at most ${bytesMax} bytes` },
      {
        detail: 'the write was not taken: it is larger than the command log takes',
        publish: 'not-attempted',
      },
    ],
  ),
})

/** `responses` of a route with a limit. */
export const limited = (responses: Responses): Responses => ({
  ...Object.fromEntries(
    Object.entries(responses).map(([status, response]) => [
      status,
      { ...response, headers: { ...response.headers, ...rateLimit } },
    ]),
  ),
  ...problem(
    429,
    'Too many requests: `RateLimit-Policy` says of which.',
    [{ detail: 'too many requests: try again in 3 s' }],
    { ...retryAfter, ...rateLimit },
  ),
})

export const keyUsed = problem(422, 'This Idempotency-Key came with another request before.', [
  {
    detail: 'this Idempotency-Key came with another request before',
    field: 'Idempotency-Key',
  },
])

export const unreadable = (what: 'list' | 'todo' | 'todos'): Responses =>
  problem(
    503,
    `The ${what} can not be read now.`,
    [{ detail: `the ${what} can't be read now` }],
    retryAfter,
  )
export const unwritable = problem(
  503,
  'The write was not acknowledged; `publish` says whether it may happen all the same.',
  [
    { detail: 'the write was not taken: too many writes are waiting', publish: 'not-attempted' },
    {
      detail: 'the write may or may not have been taken: no acknowledgement came',
      publish: 'unknown',
    },
  ],
  retryAfter,
)

export const notAllowed = problem(
  405,
  'Any other `OPTIONS`.',
  [{ detail: '/todos takes GET, HEAD, POST' }],
  {
    Allow: header('The methods of this path.'),
  },
)
