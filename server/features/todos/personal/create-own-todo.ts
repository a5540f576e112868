// POST /api/todos: a todo that only you see.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { idempotencyKey } from '../../../http/write-headers.ts'
import { personalCollection, type TodoParts } from '../parts.ts'
import { idInUse, keyUnchecked, keyUsed, writeProblems, writeTooLarge } from '../problems.ts'
import {
  acceptedPersonal,
  createdPersonal,
  newTodo,
  personalTag,
  preferPersonal,
} from '../vocabulary.ts'
import { createWriter } from '../write.ts'

export const createOwnTodo = (parts: TodoParts) => {
  const writer = createWriter(parts, personalCollection(parts))
  return endpoint({
    method: 'POST',
    path: '/api/todos',
    operationId: 'createOwnTodo',
    summary: 'Create a todo that only you see',
    tag: personalTag,
    auth: 'bearer',
    limit: 'user',
    headers: { prefer: preferPersonal, idempotencyKey },
    body: { shape: newTodo, examples: [{ title: 'Buy flowers' }] },
    responses: [acceptedPersonal, createdPersonal],
    problems: [idInUse, writeTooLarge, keyUnchecked, keyUsed, ...writeProblems],
    handler: writer.create,
  })
}
