// What operations answer with when all goes well. What else they answer is in problems.ts.

import {
  applied,
  appliedIfAsked,
  constant,
  etag,
  header,
  json,
  noCache,
  noStore,
  privately,
  requestId,
  requestIdIfAny,
  retryAfter,
  vary,
} from './parts.ts'
import type { Content, Headers, Response, Responses } from './openapi.ts'
import { ref } from './schemas.ts'

export const exampleTodo = {
  id: 'kT5bJb9jQmWv3rVbQm1XqQ-0000000042',
  title: 'Buy milk',
  description: 'Two litres',
  completed: false,
  user_id: 'ann',
  created_at: '2026-01-31T12:00:00.000Z',
  updated_at: '2026-01-31T12:00:00.000Z',
}

/** Bodies with their validator; `headers` besides. */
export const validated = (
  description: string,
  content: Content,
  headers: Headers = requestId,
): Responses => ({
  '200': { description, headers: { ...etag, ...noCache, ...headers }, content },
})
export const notModified = (headers: Headers = requestId): Responses => ({
  '304': {
    description: 'What the client has (`If-None-Match`) is still true.',
    headers: { ...etag, ...noCache, ...headers },
  },
})

export const list: Responses = {
  ...validated(
    'The todos, newest first, all of one version.',
    json({ type: 'array', items: ref('Todo') }, [exampleTodo]),
    {
      ...{ ...vary, ...requestIdIfAny },
      'Content-Encoding': {
        description: 'Longer lists are compressed for clients that take it.',
        schema: { type: 'string', enum: ['gzip', 'br'] },
      },
    },
  ),
  ...notModified({ ...vary, ...requestIdIfAny }),
}

export const oneTodo: Responses = {
  ...validated('The todo.', json(ref('Todo'), exampleTodo)),
  ...notModified(),
}

const todoAfter = (description: string, headers: Headers = {}): Response => ({
  description,
  headers: { ...etag, ...noCache, ...applied, ...requestId, ...headers },
  content: json(ref('Todo'), exampleTodo),
})

const personalTodo = (description: string, headers: Headers = {}): Response => ({
  ...todoAfter(description),
  headers: { ...etag, ...privately, ...appliedIfAsked, ...requestId, ...headers },
})

export const accepted: Responses = {
  '202': {
    description:
      'The command is durably in the log, and will be applied in its order. Also when the time of `Prefer: wait` ran out.',
    headers: requestId,
    content: json(ref('Accepted'), { id: exampleTodo.id, message: 'the todo will be created' }),
  },
}
export const created: Responses = {
  '201': todoAfter('With `Prefer: wait`: the todo, as it was made.', {
    Location: header('Where the todo is.', { type: 'string', pattern: '^/todos/' }),
  }),
}
export const updated: Responses = {
  '200': todoAfter('With `Prefer: wait`: the todo, as it was changed.'),
}
export const deleted: Responses = {
  '204': {
    description: 'With `Prefer: wait`: the todo is gone.',
    headers: { ...applied, ...requestId },
  },
}

const page = {
  ...etag,
  ...privately,
  ...requestId,
  Link: header('Where other pages are (RFC 8288): `first`, `prev`, `next`, `last`.'),
}
export const todoPage: Responses = {
  '200': {
    description: 'Your todos, newest first, all of one version.',
    headers: page,
    content: json(ref('TodoPage'), { total: 11, limit: 10, page: 2, todos: [exampleTodo] }),
  },
  '304': {
    description: 'What the client has (`If-None-Match`) is still true.',
    headers: page,
  },
}

export const oneOfOwn: Responses = {
  ...validated('The todo.', json(ref('Todo'), exampleTodo), { ...requestId, ...privately }),
  ...notModified({ ...requestId, ...privately }),
}

/** Writes to todos that only their owner sees: waited for unless told otherwise. */
export const personal = {
  accepted: {
    '202': {
      description:
        'With `Prefer: respond-async`, or when it could not be waited for any longer: the command is durably in the log, and will be applied in its order.',
      headers: {
        ...requestId,
        'Preference-Applied': {
          description: 'It was not waited for, as asked.',
          schema: { type: 'string', const: 'respond-async' },
        },
      },
      content: json(ref('Accepted'), { id: exampleTodo.id, message: 'the todo will be created' }),
    },
  },
  created: {
    '201': personalTodo('The todo, as it was made.', {
      Location: header('Where the todo is.', { type: 'string', pattern: '^/api/todos/' }),
    }),
  },
  updated: { '200': personalTodo('The todo, as it was changed.') },
  deleted: {
    '204': { description: 'The todo is gone.', headers: { ...appliedIfAsked, ...requestId } },
  },
} satisfies Record<string, Responses>

export const health: Responses = {
  '200': {
    ...{ description: 'It lives.', headers: { ...noStore, ...requestId } },
    content: json(ref('Health'), { status: 'ok' }),
  },
}

export const ping: Responses = {
  '200': {
    ...{ description: 'It answers.', headers: { ...noStore, ...requestId } },
    content: json(ref('Ping'), { status: 'pong' }),
  },
}

const readiness = (...examples: unknown[]): Content => json(ref('Readiness'), ...examples)
export const ready: Responses = {
  '200': {
    description: '`ready`, or `degraded`: it can serve.',
    headers: { ...noStore, ...requestId },
    content: readiness(
      { status: 'ready', dependencies: { postgres: 'ok', kafka: 'ok', redis: 'ok', lists: 'ok' } },
      {
        status: 'degraded',
        dependencies: {
          ...{ postgres: 'ok', kafka: 'ok' },
          ...{ redis: 'fails: connect ECONNREFUSED', lists: 'ok' },
        },
      },
    ),
  },
  '503': {
    description: '`unready` or `draining`: send requests elsewhere.',
    headers: { ...noStore, ...retryAfter, ...requestId },
    content: readiness({
      status: 'unready',
      dependencies: {
        postgres: 'fails: no answer in 1000 ms',
        kafka: 'ok',
        redis: 'ok',
        lists: 'ok',
      },
    }),
  },
}

/** Of a page for people. */
export const framing: Headers = {
  'X-Frame-Options': constant('Not to be shown in a frame.', 'DENY'),
  'Referrer-Policy': constant('Its links do not say where they are from.', 'no-referrer'),
}

export const preflight: Responses = {
  '204': {
    description: 'A preflight (CORS) from an origin that the setting `CORS_ORIGINS` allows.',
    headers: {
      ...requestId,
      'Access-Control-Allow-Origin': header('The origin, or `*`.'),
      'Access-Control-Allow-Methods': header('Methods that may be used.'),
      'Access-Control-Allow-Headers': header('Headers that may be sent.'),
      'Access-Control-Expose-Headers': header('Headers that may be read.'),
      'Access-Control-Max-Age': header('Seconds for which this holds.', {
        ...{ type: 'integer', minimum: 1 },
      }),
      Vary: {
        description: '`Origin`, unless every origin is allowed.',
        schema: { type: 'string' },
      },
    },
  },
}
