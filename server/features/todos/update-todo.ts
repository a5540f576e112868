// PUT /todos/:id: another title, description or state of a public todo of your own.

import { endpoint } from '../../http/contract/endpoint.ts'
import { idempotencyKey } from '../../http/write-headers.ts'
import { ifMatch } from './if-match.ts'
import { publicCollection, type TodoParts } from './parts.ts'
import { anothers, changeProblems } from './problems.ts'
import { accepted, change, id, preferPublic, publicTag, updatedPublic } from './vocabulary.ts'
import { createWriter } from './write.ts'

export const updateTodo = (parts: TodoParts) => {
  const writer = createWriter(parts, publicCollection(parts))
  return endpoint({
    method: 'PUT',
    path: '/todos/:id',
    operationId: 'updateTodo',
    summary: 'Update a todo of your own',
    tag: publicTag,
    auth: 'bearer',
    limit: 'write',
    params: { id },
    headers: { prefer: preferPublic, ifMatch, idempotencyKey },
    body: {
      shape: change,
      examples: [{ completed: true }, { title: 'Buy oat milk', description: '' }],
    },
    responses: [accepted, updatedPublic],
    problems: [anothers, ...changeProblems],
    handler: (input) => writer.update(input, input.body),
  })
}
