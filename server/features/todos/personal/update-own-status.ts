// PATCH /api/todos/:id/status: whether a todo of your own, or one that you may edit, is done, and
// nothing else. Without a body it becomes what it was not, which the worker finds out.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { idempotencyKey } from '../../../http/write-headers.ts'
import { ifMatch } from '../if-match.ts'
import { personalCollection, type TodoParts } from '../parts.ts'
import { changeProblems, notAnEditor } from '../problems.ts'
import {
  acceptedPersonal,
  id,
  personalTag,
  preferPersonal,
  status,
  updatedPersonal,
} from '../vocabulary.ts'
import { createWriter } from '../write.ts'

export const updateOwnStatus = (parts: TodoParts) => {
  const writer = createWriter(parts, personalCollection(parts))
  return endpoint({
    method: 'PATCH',
    path: '/api/todos/:id/status',
    operationId: 'updateOwnStatus',
    summary: 'Mark one of your todos as done or not',
    description: 'Without a body, a todo that is done becomes one that is not, and the reverse.',
    tag: personalTag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    headers: { prefer: preferPersonal, ifMatch, idempotencyKey },
    body: {
      shape: status,
      examples: [{ completed: true }, { status: 'pending' }],
      whenEmpty: 'toggle',
    },
    responses: [acceptedPersonal, updatedPersonal],
    problems: [notAnEditor, ...changeProblems],
    handler: (input) =>
      input.body === 'toggle' ? writer.toggle(input) : writer.update(input, input.body),
  })
}
