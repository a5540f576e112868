// What several endpoints of todos accept and answer: each once, for the handlers and for the document.
// How they refuse is in problems.ts.

import { changeOf } from '../../../lib/domain/command.ts'
import {
  completed,
  description,
  exampleTodo,
  newTitle,
  todoId,
  todoShape,
} from '../../../lib/domain/todo.ts'
import {
  described,
  InvalidField,
  named,
  object,
  oneOf,
  optional,
  orElse,
  shape,
  string,
  type TypeOf,
} from '../../../lib/domain/shape.ts'
import { answer, notModified, type AnswerDescription } from '../../http/contract/answer.ts'
import type { Parameter } from '../../http/contract/parameters.ts'
import {
  etag,
  noCache,
  notWaited,
  privateNoCache,
  waited,
  waitedIfAsked,
  locationUnder,
} from '../../http/response-headers.ts'
import { prefer, waitSecMax } from '../../http/write-headers.ts'
import { listVersion } from './list-version.ts'
import { personalWaitSec } from './parts.ts'
import { writePosition } from './write-position.ts'

export const publicTag = {
  name: 'Todos',
  description: 'One public todo: anybody reads it, only its owner writes to it.',
}
export const personalTag = {
  name: 'Personal todos',
  description: 'Todos that only their owner can see, and those whom they are shared with.',
}

// What requests carry.

export const id: Parameter<string> = {
  shape: todoId,
  description: 'The id of a todo.',
  example: exampleTodo.id,
  component: 'TodoId',
}
export const preferPublic = prefer({
  component: 'Prefer',
  description: `\`wait=N\` (RFC 7240): wait up to N seconds, ${waitSecMax} at most, until the write is applied, and answer with its outcome.`,
  example: 'wait=5',
})
export const preferPersonal = prefer({
  component: 'PreferPersonal',
  description: `\`respond-async\` (RFC 7240): answer once the log has acknowledged the write. \`wait=N\`: wait up to N seconds, ${waitSecMax} at most; ${personalWaitSec} without it.`,
  example: 'respond-async',
})

export const newTodoMembers = {
  title: newTitle,
  description: orElse(described(description, 'Empty when it is left out or null.'), ''),
}
export const ignored = 'Members that are not named here are ignored.'
export const newTodo = named('NewTodo', object(newTodoMembers, { description: ignored }))
export const change = named('TodoChange', changeOf(newTitle))
/** RFC 7396: null removes a member. A todo can be without a description, which is then empty. */
export const patchTypes = ['application/merge-patch+json', 'application/json']

const statusMembers = object(
  {
    completed: optional(completed),
    status: optional(oneOf('completed', 'pending')),
  },
  {
    description: 'One of these, or both where they agree. Members that are not named are ignored.',
    ifEmpty: { field: 'completed', message: 'completed is required' },
  },
)
/** `toggle` when there is no body. */
export type StatusChange = { readonly completed: boolean } | 'toggle'
export const status = named(
  'Status',
  shape<StatusChange>(statusMembers.schema, (value, field) => {
    const { completed, status } = statusMembers.parse(value, field)
    const isCompleted = status === undefined ? completed === true : status === 'completed'
    if (completed !== undefined && completed !== isCompleted) {
      throw new InvalidField('status', 'status must say the same as completed')
    }
    return { completed: isCompleted }
  }),
)

// What is answered.

const oneTodo = { mediaType: 'application/json', shape: todoShape, examples: [exampleTodo] }
const acceptedShape = named(
  'Accepted',
  object({
    id: described(todoId, 'The id of the todo.'),
    message: string({ description: 'For people.' }),
  }),
)
const examples = [{ id: exampleTodo.id, message: 'the todo will be created' }]
/** An id has no character that JSON would escape, and no message of ours has. */
const json = ({ id, message }: TypeOf<typeof acceptedShape>): string =>
  `{"id":"${id}","message":"${message}"}`

export const acceptedBody = { body: acceptedShape, examples, json }
export const accepted = answer({
  status: 202,
  component: 'Accepted',
  description:
    'The command is durably in the log, and will be applied in its order. Also answered when `Prefer: wait` timed out.',
  headers: [locationUnder('/todos')],
  ...acceptedBody,
})
export const acceptedPersonal = answer({
  status: 202,
  component: 'AcceptedPersonal',
  description:
    'With `Prefer: respond-async`, or when the wait timed out: the command is durably in the log, and will be applied in its order.',
  headers: [locationUnder('/api/todos'), notWaited, writePosition],
  ...acceptedBody,
})

export const readPublic: readonly AnswerDescription[] = [
  { status: 200, description: 'The todo.', headers: [etag, noCache], content: oneTodo },
  notModified([etag, noCache]),
]
export const readPersonal: readonly AnswerDescription[] = [
  {
    status: 200,
    description: 'The todo.',
    headers: [etag, privateNoCache, listVersion],
    content: oneTodo,
  },
  notModified([etag, privateNoCache, listVersion]),
]
export const createdPublic: AnswerDescription = {
  status: 201,
  description: 'With `Prefer: wait`: the created todo.',
  headers: [etag, noCache, locationUnder('/todos'), waited],
  content: oneTodo,
}
export const createdPersonal: AnswerDescription = {
  status: 201,
  description: 'The created todo.',
  headers: [etag, privateNoCache, locationUnder('/api/todos'), waitedIfAsked, listVersion],
  content: oneTodo,
}
export const updatedPublic: AnswerDescription = {
  status: 200,
  description: 'With `Prefer: wait`: the updated todo.',
  headers: [etag, noCache, waited],
  content: oneTodo,
}
export const updatedPersonal: AnswerDescription = {
  status: 200,
  component: 'UpdatedPersonal',
  description: 'The updated todo.',
  headers: [etag, privateNoCache, waitedIfAsked, listVersion],
  content: oneTodo,
}
export const deletedPublic: AnswerDescription = {
  status: 204,
  description: 'With `Prefer: wait`: the todo was deleted.',
  headers: [waited],
}
export const deletedPersonal: AnswerDescription = {
  status: 204,
  description: 'The todo was deleted.',
  headers: [waitedIfAsked, listVersion],
}
