// POST /todos: a new public todo.

import { endpoint } from '../../http/contract/endpoint.ts'
import { idempotencyKey } from '../../http/write-headers.ts'
import { publicCollection, type TodoParts } from './parts.ts'
import { idInUse, keyUnchecked, keyUsed, writeProblems, writeTooLarge } from './problems.ts'
import { accepted, createdPublic, newTodo, preferPublic, publicTag } from './vocabulary.ts'
import { createWriter } from './write.ts'

export const createTodo = (parts: TodoParts) => {
  const writer = createWriter(parts, publicCollection(parts))
  return endpoint({
    method: 'POST',
    path: '/todos',
    operationId: 'createTodo',
    summary: 'Create a todo',
    tag: publicTag,
    auth: 'bearer',
    limit: 'write',
    headers: { prefer: preferPublic, idempotencyKey },
    body: {
      shape: newTodo,
      examples: [{ title: 'Buy milk', description: 'Two litres' }, { title: 'Call Bob' }],
    },
    responses: [accepted, createdPublic],
    problems: [idInUse, writeTooLarge, keyUnchecked, keyUsed, ...writeProblems],
    handler: writer.create,
  })
}
