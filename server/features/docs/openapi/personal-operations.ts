// What is asked about todos that only their owner sees.

import { pageLimitMax, pageMax } from '../../todos/personal-todos.ts'
import { bodyBytesMax } from '../../../http/json-body.ts'
import { waitSecMax } from '../../../http/write-headers.ts'
import type { Operation, Parameter } from './openapi.ts'
import { badId, badTitle, body, id, idempotencyKey, ifNoneMatch } from './parameters.ts'
import * as problems from './problems.ts'
import * as responses from './responses.ts'

const preferPersonal: Parameter = {
  ...{ name: 'Prefer', in: 'header', example: 'respond-async', schema: { type: 'string' } },
  description: `\`respond-async\` (RFC 7240): answer once the log has it. \`wait=N\`: wait up to N seconds, ${waitSecMax} at most; 10 without it.`,
}
const pageLimit: Parameter = {
  ...{ name: 'limit', in: 'query', example: 10 },
  description: 'Todos on a page; 10 without it.',
  schema: { type: 'integer', minimum: 1, maximum: pageLimitMax },
}
const page: Parameter = {
  ...{ name: 'page', in: 'query', example: 2 },
  description: 'The first without it.',
  schema: { type: 'integer', minimum: 1, maximum: pageMax },
}
const badPageLimit = {
  detail: `limit must be one whole number from 1 to ${pageLimitMax}`,
  field: 'limit',
}

const own = { tags: ['Personal todos'], security: [{ bearer: [] }] }
const badStatus = { detail: 'completed must be true or false', field: 'completed' }

export const list: Operation = {
  ...{ ...own, operationId: 'listOwnTodos', summary: 'Your todos, a page at a time' },
  parameters: [pageLimit, page, ifNoneMatch],
  responses: problems.limited({
    ...{ ...responses.todoPage, ...problems.badRequest(badPageLimit), ...problems.unauthorized },
    ...{ ...problems.unreadable('todos'), ...problems.failed },
  }),
}

export const create: Operation = {
  ...{ ...own, operationId: 'createOwnTodo', summary: 'Makes a todo that only you see' },
  parameters: [preferPersonal, idempotencyKey],
  requestBody: body('NewTodo', { title: 'Buy flowers' }),
  responses: problems.limited({
    ...{ ...responses.personal.accepted, ...responses.personal.created },
    ...{ ...problems.badRequest(badTitle), ...problems.unauthorized, ...problems.exists },
    ...{ ...problems.unfitWrite(bodyBytesMax), ...problems.keyUsed, ...problems.unwritable },
    ...problems.failed,
  }),
}

export const read: Operation = {
  ...{ ...own, operationId: 'readOwnTodo', summary: 'One of your todos' },
  parameters: [id, ifNoneMatch],
  responses: problems.limited({
    ...{ ...responses.oneOfOwn, ...problems.badRequest(badId), ...problems.unauthorized },
    ...{ ...problems.notFound, ...problems.unreadable('todo'), ...problems.failed },
  }),
}

export const update: Operation = {
  ...{ ...own, operationId: 'updateOwnTodo', summary: 'Changes one of your todos' },
  parameters: [id, preferPersonal],
  requestBody: body('TodoChange', { title: 'Buy roses', completed: true }),
  responses: problems.limited({
    ...{ ...responses.personal.accepted, ...responses.personal.updated },
    ...{ ...problems.badRequest(badId, badTitle), ...problems.unauthorized },
    ...{ ...problems.noneOfYours, ...problems.unfitWrite(bodyBytesMax), ...problems.unwritable },
    ...problems.failed,
  }),
}

export const updateStatus: Operation = {
  ...update,
  ...{ operationId: 'updateOwnStatus', summary: 'Says whether one of your todos is done' },
  requestBody: body('Status', { completed: true }),
  responses: problems.limited({
    ...update.responses,
    ...problems.badRequest(badId, badStatus),
  }),
}

export const remove: Operation = {
  ...{ ...own, operationId: 'deleteOwnTodo', summary: 'Deletes one of your todos' },
  parameters: [id, preferPersonal],
  responses: problems.limited({
    ...{ ...responses.personal.accepted, ...responses.personal.deleted },
    ...{ ...problems.badRequest(badId), ...problems.unauthorized, ...problems.noneOfYours },
    ...{ ...problems.unwritable, ...problems.failed },
  }),
}
