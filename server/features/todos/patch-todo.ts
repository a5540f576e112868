// PATCH /todos/:id: a part of a public todo of your own. The worker merges it, so that two of different
// members both take effect.

import { endpoint } from '../../http/contract/endpoint.ts'
import { idempotencyKey } from '../../http/write-headers.ts'
import { ifMatch } from './if-match.ts'
import { publicCollection, type TodoParts } from './parts.ts'
import { anothers, changeProblems } from './problems.ts'
import {
  accepted,
  change,
  id,
  patchTypes,
  preferPublic,
  publicTag,
  updatedPublic,
} from './vocabulary.ts'
import { createWriter } from './write.ts'

export const patchTodo = (parts: TodoParts) => {
  const writer = createWriter(parts, publicCollection(parts))
  return endpoint({
    method: 'PATCH',
    path: '/todos/:id',
    operationId: 'patchTodo',
    summary: 'Change a part of a todo of your own',
    tag: publicTag,
    auth: 'bearer',
    limit: 'write',
    params: { id },
    headers: { prefer: preferPublic, ifMatch, idempotencyKey },
    body: {
      shape: change,
      examples: [{ completed: true }, { title: 'Buy oat milk', description: null }],
      mediaTypes: patchTypes,
    },
    responses: [accepted, updatedPublic],
    problems: [anothers, ...changeProblems],
    handler: (input) => writer.update(input, input.body),
  })
}
