// What several endpoints of todos accept, answer and refuse: each once, for the handlers and for the
// document.

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
} from '../../../lib/domain/shape.ts'
import type { RefusalCause } from '../../../lib/runtime/micro-batch.ts'
import { answer, notModified, type AnswerDescription } from '../../http/contract/answer.ts'
import type { Parameter } from '../../http/contract/parameters.ts'
import { unavailable, type ProblemKind } from '../../http/problem.ts'
import {
  etag,
  noCache,
  notWaited,
  privateNoCache,
  waited,
  waitedIfAsked,
  etagIfKnown,
  locationUnder,
} from '../../http/response-headers.ts'
import { prefer, waitSecMax } from '../../http/write-headers.ts'
import { personalWaitSec } from './parts.ts'

export const publicTag = {
  name: 'Todos',
  description: 'One public todo: anybody reads it, only its owner writes to it.',
}
export const personalTag = {
  name: 'Personal todos',
  description: 'Todos that only their owner can see.',
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

export const newTodo = named(
  'NewTodo',
  object(
    {
      title: newTitle,
      description: orElse(described(description, 'Empty when it is left out or null.'), ''),
    },
    { description: 'Members that are not named here are ignored.' },
  ),
)
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

export const accepted = answer({
  status: 202,
  component: 'Accepted',
  description:
    'The command is durably in the log, and will be applied in its order. Also answered when `Prefer: wait` timed out.',
  headers: [locationUnder('/todos')],
  body: acceptedShape,
  examples,
})
export const acceptedPersonal = answer({
  status: 202,
  component: 'AcceptedPersonal',
  description:
    'With `Prefer: respond-async`, or when the wait timed out: the command is durably in the log, and will be applied in its order.',
  headers: [locationUnder('/api/todos'), notWaited],
  body: acceptedShape,
  examples,
})

export const readPublic: readonly AnswerDescription[] = [
  { status: 200, description: 'The todo.', headers: [etag, noCache], content: oneTodo },
  notModified([etag, noCache]),
]
export const readPersonal: readonly AnswerDescription[] = [
  { status: 200, description: 'The todo.', headers: [etag, privateNoCache], content: oneTodo },
  notModified([etag, privateNoCache]),
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
  headers: [etag, privateNoCache, locationUnder('/api/todos'), waitedIfAsked],
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
  headers: [etag, privateNoCache, waitedIfAsked],
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
  headers: [waitedIfAsked],
}

// How it is refused.

export const noSuchTodo: ProblemKind = {
  status: 404,
  detail: 'no such todo',
  when: 'No such todo.',
}
/** The same of what came of a write, which may have been waited for. */
export const nothingWritten: ProblemKind = { ...noSuchTodo, headers: [waitedIfAsked] }
export const anothers: ProblemKind = {
  status: 403,
  detail: "the todo is another user's",
  when: "With `Prefer: wait`: the todo is another user's.",
  headers: [waited],
}
export const idInUse: ProblemKind = {
  status: 409,
  detail: 'a todo with this id already exists',
  when: 'A todo with this id already exists.',
  headers: [waitedIfAsked],
}
export const changedMeanwhile: ProblemKind = {
  status: 412,
  detail: 'the todo is not, or no longer, at a version that If-Match names',
  when: 'The todo is not at a version that `If-Match` names: `ETag` says at which it is now.',
  field: 'If-Match',
  headers: [etagIfKnown, waitedIfAsked],
}
export const ifMatchRequired: ProblemKind = {
  status: 428,
  detail: "send If-Match with the ETag of the todo, so that nobody else's change is overwritten",
  when: 'Without `If-Match`, where the setting `WRITE_IF_MATCH` asks for it.',
  field: 'If-Match',
}
/** Accepted, nobody would learn whether it matched. */
export const ifMatchUnseen: ProblemKind = {
  status: 400,
  detail: 'a write with If-Match must be waited for: add Prefer: wait=10',
  field: 'Prefer',
}
/** Problems of every write to a todo that is there. */
export const conditionProblems = [changedMeanwhile, ifMatchRequired, ifMatchUnseen] as const

export const todoUnreadable = unavailable("the todo can't be read now", {
  when: 'The todo can not be read now.',
})

export const keyUnchecked = unavailable("the Idempotency-Key can't be checked now", {
  publish: 'not-attempted',
})
export const keyUsed: ProblemKind = {
  status: 422,
  detail: 'this Idempotency-Key was used with a different request',
  when: 'This Idempotency-Key was used with a different request.',
  field: 'Idempotency-Key',
}
export const writeTooLarge: ProblemKind = {
  status: 413,
  detail: 'the write was not accepted: it is larger than the command log accepts',
  when: 'The write is larger than the command log accepts.',
  publish: 'not-attempted',
}
const notAccepted = (why: string) =>
  unavailable(`the write was not accepted: ${why}`, {
    when: 'The write was not acknowledged; `publish` says whether it may happen all the same.',
    publish: 'not-attempted',
  })
export const refused: Readonly<Record<Exclude<RefusalCause, 'too-large'>, ProblemKind>> = {
  'queue-full': notAccepted('too many writes are waiting'),
  'waited-too-long': notAccepted('it waited too long to be sent'),
  'log-unresponsive': notAccepted('the command log does not acknowledge'),
  'log-unavailable': notAccepted('the command log is unavailable'),
  'log-closed': notAccepted('the command log accepts no writes now'),
}
export const unacknowledged = unavailable(
  'the write may or may not have been accepted: no acknowledgement arrived',
  { publish: 'unknown' },
)
/** Problems of every write. */
export const writeProblems = [refused['queue-full'], unacknowledged] as const
