// The shapes of bodies, with the limits that the validators hold them to.

import {
  descriptionLengthMax,
  idPattern,
  titleLengthMax,
  userIdLengthMax,
} from '../../../../lib/domain/todo.ts'
import { pageLimitMax, pageMax } from '../../todos/personal-todos.ts'
import { accountSchemas } from './account-schemas.ts'
import type { Schema } from './openapi.ts'

export const ref = (name: keyof typeof schemas): Schema => ({
  $ref: `#/components/schemas/${name}`,
})

/** What lib/domain/todo.ts refuses in any text: neither would come back as it was sent. */
const storable = { pattern: '^[^\\u0000\\ud800-\\udfff]*$' }

const id: Schema = { type: 'string', pattern: idPattern.source, description: 'Made by the server.' }
const title: Schema = {
  ...{ type: 'string', minLength: 1, maxLength: titleLengthMax, ...storable },
  description: 'Unicode code points are counted; U+0000 and lone surrogates are refused.',
}
const description: Schema = { type: 'string', maxLength: descriptionLengthMax, ...storable }
const time = (description: string): Schema => ({ type: 'string', format: 'date-time', description })

const todo = {
  id,
  title,
  description,
  completed: { type: 'boolean' },
  user_id: {
    ...{ type: 'string', minLength: 1, maxLength: userIdLengthMax },
    description: 'Its owner: the `sub` of the token that made it. Only the owner changes it.',
  },
  created_at: time('When the server took the `POST`.'),
  updated_at: time('When the server took the last change.'),
} as const

const word = (...words: string[]): Schema => ({ type: 'string', enum: words })

export const schemas = {
  Todo: {
    type: 'object',
    properties: todo,
    required: Object.keys(todo),
  },
  NewTodo: {
    type: 'object',
    description: 'Members that are not named here are ignored.',
    properties: {
      title,
      description: {
        ...description,
        type: ['string', 'null'],
        description: 'Empty when it is left out or null.',
      },
    },
    required: ['title'],
  },
  TodoChange: {
    type: 'object',
    description:
      'At least one of these; what is left out stays as it is. Members that are not named here are ignored.',
    properties: { title, description, completed: { type: 'boolean' } },
    anyOf: [{ required: ['title'] }, { required: ['description'] }, { required: ['completed'] }],
  },
  Status: {
    type: 'object',
    properties: { completed: { type: 'boolean' } },
    required: ['completed'],
  },
  TodoPage: {
    type: 'object',
    properties: {
      total: { type: 'integer', minimum: 0, description: 'How many there are in all.' },
      limit: { type: 'integer', minimum: 1, maximum: pageLimitMax },
      page: { type: 'integer', minimum: 1, maximum: pageMax },
      todos: { type: 'array', items: { $ref: '#/components/schemas/Todo' } },
    },
    required: ['total', 'limit', 'page', 'todos'],
  },
  Accepted: {
    type: 'object',
    properties: {
      id: { ...id, description: 'The todo that is written.' },
      message: { type: 'string', description: 'For people.' },
    },
    required: ['id', 'message'],
  },
  ...accountSchemas,
  Problem: {
    type: 'object',
    description: 'An error (RFC 9457).',
    properties: {
      type: { type: 'string', const: 'about:blank' },
      title: { type: 'string', description: "The status's name." },
      status: { type: 'integer', minimum: 400, maximum: 599 },
      detail: { type: 'string', minLength: 1, description: 'What is wrong, for people.' },
      field: {
        ...{ type: 'string', minLength: 1 },
        description:
          'The input at fault: a member of the body, `body` or `change` for all of it, a parameter or a header.',
      },
      publish: {
        ...word('not-attempted', 'unknown'),
        description:
          'With a 503 to a write. `not-attempted`: nothing happened; `unknown`: it may yet happen, so read before you repeat.',
      },
    },
    required: ['type', 'title', 'status', 'detail'],
  },
  Health: {
    type: 'object',
    properties: { status: word('ok') },
    required: ['status'],
  },
  Ping: {
    type: 'object',
    properties: { status: word('pong') },
    required: ['status'],
  },
  Readiness: {
    type: 'object',
    properties: {
      status: {
        ...word('ready', 'degraded', 'unready', 'draining'),
        description:
          '`degraded`: something is missing that can be done without for a while. `draining`: about to leave.',
      },
      dependencies: {
        type: 'object',
        description: 'Each by name: `ok`, or how it fails.',
        additionalProperties: { type: 'string', pattern: '^(ok$|fails: )' },
      },
    },
    required: ['status', 'dependencies'],
  },
} as const satisfies Record<string, Schema>
