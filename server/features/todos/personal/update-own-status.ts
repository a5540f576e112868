// PATCH /api/todos/:id/status: whether a todo that only you see is done, and nothing else.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { personalCollection, type TodoParts } from '../parts.ts'
import {
  acceptedPersonal,
  id,
  nothingWritten,
  personalTag,
  preferPersonal,
  status,
  updatedPersonal,
  writeProblems,
  writeTooLarge,
} from '../vocabulary.ts'
import { createWriter } from '../write.ts'

export const updateOwnStatus = (parts: TodoParts) => {
  const writer = createWriter(parts, personalCollection(parts))
  return endpoint({
    method: 'PATCH',
    path: '/api/todos/:id/status',
    operationId: 'updateOwnStatus',
    summary: 'Mark one of your todos as done or not',
    tag: personalTag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    headers: { prefer: preferPersonal },
    body: { shape: status, examples: [{ completed: true }] },
    responses: [acceptedPersonal, updatedPersonal],
    problems: [nothingWritten, writeTooLarge, ...writeProblems],
    handler: (input) => writer.update(input, input.body),
  })
}
