// The OpenAPI document of what features/index.ts serves: every operation on one screen. A test asks a running
// server for each of them, and holds every answer to what is said here.

import { newestCount } from '../../../../lib/domain/list.ts'
import { bodyBytesMax } from '../../../http/json-body.ts'
import { waitSecMax } from '../../../http/write-headers.ts'
import * as accounts from './account-operations.ts'
import type {
  Content,
  Headers,
  OpenApi,
  Operation,
  Parameter,
  PathItem,
  Responses,
} from './openapi.ts'
import { badId, badTitle, body, id, idempotencyKey, ifNoneMatch } from './parameters.ts'
import { json, requestId } from './parts.ts'
import * as own from './personal-operations.ts'
import * as problems from './problems.ts'
import * as responses from './responses.ts'
import { schemas } from './schemas.ts'

const limit: Parameter = {
  ...{ name: 'limit', in: 'query', example: 10 },
  description: 'The newest so many; all todos without it.',
  schema: { type: 'integer', minimum: 1, maximum: newestCount },
}
const acceptEncoding: Parameter = {
  ...{ name: 'Accept-Encoding', in: 'header', example: 'br, gzip', schema: { type: 'string' } },
  description: 'Compressions that the client takes.',
}
const prefer: Parameter = {
  ...{ name: 'Prefer', in: 'header', example: 'wait=5', schema: { type: 'string' } },
  description: `\`wait=N\` (RFC 7240): wait up to N seconds, ${waitSecMax} at most, until the write has been applied, and answer what came of it.`,
}
const todos = { tags: ['Todos'] }
const serving = { tags: ['Health'] }
const documents = { tags: ['Documentation'] }
const write = { ...todos, security: [{ bearer: [] }] }

const badLimit = {
  detail: `limit must be one whole number from 1 to ${newestCount}`,
  field: 'limit',
}

const withoutContent = (all: Responses): Responses =>
  Object.fromEntries(
    Object.entries(all).map(([status, { description, headers }]) => [
      status,
      { description, ...(headers && { headers }) },
    ]),
  )

/** What a path answers besides: HEAD where there is a GET, and OPTIONS. */
const path = (operations: PathItem): PathItem => {
  const [first] = Object.values(operations)
  const { get } = operations
  return {
    ...operations,
    ...(get && { head: headOf(get) }),
    ...(first && { options: optionsOf(first) }),
  }
}

const headOf = (get: Operation): Operation => ({
  ...{ ...get, operationId: `${get.operationId}Head` },
  ...{ summary: 'As `GET`, without the body', responses: withoutContent(get.responses) },
})

const optionsOf = ({ operationId, tags, parameters = [] }: Operation): Operation => {
  const inPath = parameters.filter((one) => one.in === 'path')
  return {
    ...{ operationId: `${operationId}Options`, tags, summary: 'For browsers that ask first' },
    ...(inPath.length > 0 && { parameters: inPath }),
    responses: { ...responses.preflight, ...problems.notAllowed, ...problems.badRequest() },
  }
}

const listTodos: Operation = {
  ...{ ...todos, operationId: 'listTodos', summary: 'The newest todos, or all' },
  parameters: [limit, ifNoneMatch, acceptEncoding],
  responses: {
    ...responses.list,
    ...problems.badRequest(badLimit),
    ...{ ...problems.unreadable('list'), ...problems.failed },
  },
}

const createTodo: Operation = {
  ...{ ...write, operationId: 'createTodo', summary: 'Makes a todo' },
  parameters: [prefer, idempotencyKey],
  requestBody: body(
    'NewTodo',
    { title: 'Buy milk', description: 'Two litres' },
    { title: 'Call Bob' },
  ),
  responses: problems.limited({
    ...{ ...responses.accepted, ...responses.created, ...problems.badRequest(badTitle) },
    ...{ ...problems.unauthorized, ...problems.conflict, ...problems.unfitWrite(bodyBytesMax) },
    ...{ ...problems.keyUsed, ...problems.unwritable, ...problems.failed },
  }),
}

const readTodo: Operation = {
  ...{ ...todos, operationId: 'readTodo', summary: 'One todo, read from the database' },
  parameters: [id, ifNoneMatch],
  responses: problems.limited({
    ...{ ...responses.oneTodo, ...problems.badRequest(badId), ...problems.notFound },
    ...{ ...problems.unreadable('todo'), ...problems.failed },
  }),
}

const updateTodo: Operation = {
  ...{ ...write, operationId: 'updateTodo', summary: 'Changes a todo of your own' },
  parameters: [id, prefer],
  requestBody: body('TodoChange', { completed: true }, { title: 'Buy oat milk', description: '' }),
  responses: problems.limited({
    ...{ ...responses.accepted, ...responses.updated, ...problems.badRequest(badId, badTitle) },
    ...{ ...problems.unauthorized, ...problems.noEffect, ...problems.unfitWrite(bodyBytesMax) },
    ...{ ...problems.unwritable, ...problems.failed },
  }),
}

const deleteTodo: Operation = {
  ...{ ...write, operationId: 'deleteTodo', summary: 'Deletes a todo of your own' },
  parameters: [id, prefer],
  responses: problems.limited({
    ...{ ...responses.accepted, ...responses.deleted, ...problems.badRequest(badId) },
    ...{ ...problems.unauthorized, ...problems.noEffect, ...problems.unwritable },
    ...problems.failed,
  }),
}

const getHealth: Operation = {
  ...{ ...serving, operationId: 'getHealth', summary: 'Whether this process lives' },
  responses: { ...responses.health, ...problems.badRequest() },
}

const getReady: Operation = {
  ...{ ...serving, operationId: 'getReady', summary: 'Whether what it depends on answers' },
  responses: { ...responses.ready, ...problems.badRequest() },
}

const getPing: Operation = {
  ...{ ...serving, operationId: 'getPing', summary: 'An answer, limited by address' },
  responses: problems.limited({ ...responses.ping, ...problems.badRequest() }),
}

const published = (
  operationId: string,
  summary: string,
  content: Content,
  headers: Headers = {},
): Operation => ({
  ...{ ...documents, operationId, summary, parameters: [ifNoneMatch] },
  responses: problems.limited({
    ...responses.validated('The document.', content, { ...requestId, ...headers }),
    ...responses.notModified(),
    ...problems.badRequest(),
  }),
})

export const document: OpenApi = {
  openapi: '3.1.0',
  info: {
    title: 'Million RPS Todo API',
    version: '0.1.0',
    summary: 'Reads from memory, writes acknowledged by a log.',
    description: [
      "Reads are public and come from memory. Writes are acknowledged with a 202 once a log has them durably, and are applied in its order, each exactly once; whether a todo exists and is yours is decided then. `Prefer: wait` waits for that. Personal todos, under `/api`, are only their owner's: a write to them is answered with its effect, unless `Prefer: respond-async` is sent.",
      'Errors are `application/problem+json`. A path takes the methods that are described here: any other is a 405 with `Allow`, and any other path is a 404.',
      'A request is called by the trace id of its `traceparent`, else by its `X-Request-Id` (1 to 128 letters, digits and `._~:/+=@-`), else by a new id. The answer says it as `X-Request-Id`, but for lists that are ready and the same bytes for everybody.',
      'Routes with a limit say so in `RateLimit-Policy` and `RateLimit`: writes and all of `/api` by user, `/auth` and `/ping` by client address, other reads by address where a setting says so. Past it they answer 429 with `Retry-After`. Lists have none.',
      'Every answer with a body says `X-Content-Type-Options: nosniff`, and all but lists have a `Content-Security-Policy`. Pages of the origins in the setting `CORS_ORIGINS` may call from a browser; the answers to them have `Access-Control-Allow-Origin`, and `Vary: Origin` unless every origin is allowed.',
    ].join('\n\n'),
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [{ url: '/' }],
  tags: [
    { name: 'Todos', description: 'The todos.' },
    { name: 'Personal todos', description: 'What only you see, and nobody else learns of.' },
    {
      name: 'Accounts',
      description:
        'Who writes. A login gives an access token, for the `Authorization` header, and a refresh token, for the next of both.',
    },
    { name: 'Health', description: 'For load balancers and supervisors.' },
    { name: 'Documentation', description: 'What you read.' },
  ],
  paths: {
    '/todos': path({ get: listTodos, post: createTodo }),
    '/todos/{id}': path({ get: readTodo, put: updateTodo, delete: deleteTodo }),
    '/api/todos': path({ get: own.list, post: own.create }),
    '/api/todos/{id}': path({ get: own.read, put: own.update, delete: own.remove }),
    '/api/todos/{id}/status': path({ patch: own.updateStatus }),
    '/auth/register': path({ post: accounts.register }),
    '/auth/login': path({ post: accounts.login }),
    '/auth/refresh': path({ post: accounts.refresh }),
    '/auth/logout': path({ post: accounts.logout }),
    '/api/profile': path({ get: accounts.readProfile }),
    '/health': path({ get: getHealth }),
    '/ready': path({ get: getReady }),
    '/ping': path({ get: getPing }),
    '/openapi.json': path({
      get: published('getOpenApi', 'This document, for programs', json({ type: 'object' })),
    }),
    '/docs': path({
      get: published(
        'getDocs',
        'This document, for people',
        { 'text/html': { schema: { type: 'string' } } },
        responses.framing,
      ),
    }),
  },
  components: {
    schemas,
    securitySchemes: {
      bearer: {
        ...{ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        description:
          'HS256, with a `sub` that names the user. `exp` and `nbf` are honoured when present. `POST /auth/login` gives one.',
      },
    },
  },
}
