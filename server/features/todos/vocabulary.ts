// What several endpoints of todos take, answer and refuse: each once, for the handlers and for the
// document.

import { todoChange } from '../../../lib/domain/command.ts'
import {
  completed,
  description,
  exampleTodo,
  title,
  todoId,
  todoShape,
} from '../../../lib/domain/todo.ts'
import { described, named, object, orElse, string } from '../../../lib/domain/shape.ts'
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
  description: 'What only you see, and nobody else learns of.',
}

// What is taken.

export const id: Parameter<string> = {
  shape: todoId,
  description: 'The id of a todo.',
  example: exampleTodo.id,
  component: 'TodoId',
}
export const preferPublic = prefer({
  component: 'Prefer',
  description: `\`wait=N\` (RFC 7240): wait up to N seconds, ${waitSecMax} at most, until the write has been applied, and answer what came of it.`,
  example: 'wait=5',
})
export const preferPersonal = prefer({
  component: 'PreferPersonal',
  description: `\`respond-async\` (RFC 7240): answer once the log has it. \`wait=N\`: wait up to N seconds, ${waitSecMax} at most; ${personalWaitSec} without it.`,
  example: 'respond-async',
})

export const newTodo = named(
  'NewTodo',
  object(
    {
      title,
      description: orElse(described(description, 'Empty when it is left out or null.'), ''),
    },
    { description: 'Members that are not named here are ignored.' },
  ),
)
export const change = named('TodoChange', todoChange)
export const status = named('Status', object({ completed }))

// What is answered.

const oneTodo = { mediaType: 'application/json', shape: todoShape, examples: [exampleTodo] }
const acceptedShape = named(
  'Accepted',
  object({
    id: described(todoId, 'The todo that is written.'),
    message: string({ description: 'For people.' }),
  }),
)
const examples = [{ id: exampleTodo.id, message: 'the todo will be created' }]

export const accepted = answer({
  status: 202,
  component: 'Accepted',
  description:
    'The command is durably in the log, and will be applied in its order. Also when the time of `Prefer: wait` ran out.',
  body: acceptedShape,
  examples,
})
export const acceptedPersonal = answer({
  status: 202,
  component: 'AcceptedPersonal',
  description:
    'With `Prefer: respond-async`, or when it could not be waited for any longer: the command is durably in the log, and will be applied in its order.',
  headers: [notWaited],
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
  description: 'With `Prefer: wait`: the todo, as it was made.',
  headers: [etag, noCache, locationUnder('/todos'), waited],
  content: oneTodo,
}
export const createdPersonal: AnswerDescription = {
  status: 201,
  description: 'The todo, as it was made.',
  headers: [etag, privateNoCache, locationUnder('/api/todos'), waitedIfAsked],
  content: oneTodo,
}
export const updatedPublic: AnswerDescription = {
  status: 200,
  description: 'With `Prefer: wait`: the todo, as it was changed.',
  headers: [etag, noCache, waited],
  content: oneTodo,
}
export const updatedPersonal: AnswerDescription = {
  status: 200,
  component: 'UpdatedPersonal',
  description: 'The todo, as it was changed.',
  headers: [etag, privateNoCache, waitedIfAsked],
  content: oneTodo,
}
export const deletedPublic: AnswerDescription = {
  status: 204,
  description: 'With `Prefer: wait`: the todo is gone.',
  headers: [waited],
}
export const deletedPersonal: AnswerDescription = {
  status: 204,
  description: 'The todo is gone.',
  headers: [waitedIfAsked],
}

// How it is refused.

export const noSuchTodo: ProblemKind = {
  status: 404,
  detail: 'there is no such todo',
  when: 'There is no such todo.',
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
  detail: 'there is a todo with this id already',
  when: 'There is a todo with this id already.',
  headers: [waitedIfAsked],
}
export const todoUnreadable = unavailable("the todo can't be read now", {
  when: 'The todo can not be read now.',
})

export const keyUnchecked = unavailable("the Idempotency-Key can't be checked now", {
  publish: 'not-attempted',
})
export const keyUsed: ProblemKind = {
  status: 422,
  detail: 'this Idempotency-Key came with another request before',
  when: 'This Idempotency-Key came with another request before.',
  field: 'Idempotency-Key',
}
export const writeTooLarge: ProblemKind = {
  status: 413,
  detail: 'the write was not taken: it is larger than the command log takes',
  when: 'The command log takes no command as large.',
  publish: 'not-attempted',
}
const notTaken = (why: string) =>
  unavailable(`the write was not taken: ${why}`, {
    when: 'The write was not acknowledged; `publish` says whether it may happen all the same.',
    publish: 'not-attempted',
  })
export const refused: Readonly<Record<Exclude<RefusalCause, 'too-large'>, ProblemKind>> = {
  'queue-full': notTaken('too many writes are waiting'),
  'waited-too-long': notTaken('it waited too long to be sent'),
  'log-silent': notTaken('the command log does not acknowledge'),
  'log-away': notTaken('the command log is away'),
  'log-closed': notTaken('the command log takes no writes now'),
}
export const unacknowledged = unavailable(
  'the write may or may not have been taken: no acknowledgement came',
  { publish: 'unknown' },
)
/** Of every write. */
export const writeProblems = [refused['queue-full'], unacknowledged] as const
