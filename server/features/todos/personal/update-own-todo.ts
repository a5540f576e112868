// PUT /api/todos/:id: another title, description or state of a todo of your own, or of one that you
// may edit.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { idempotencyKey } from '../../../http/write-headers.ts'
import { ifMatch } from '../if-match.ts'
import { personalCollection, type TodoParts } from '../parts.ts'
import { changeProblems, notAnEditor } from '../problems.ts'
import {
  acceptedPersonal,
  change,
  id,
  personalTag,
  preferPersonal,
  updatedPersonal,
} from '../vocabulary.ts'
import { createWriter } from '../write.ts'

export const updateOwnTodo = (parts: TodoParts) => {
  const writer = createWriter(parts, personalCollection(parts))
  return endpoint({
    method: 'PUT',
    path: '/api/todos/:id',
    operationId: 'updateOwnTodo',
    summary: 'Update one of your todos',
    tag: personalTag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    headers: { prefer: preferPersonal, ifMatch, idempotencyKey },
    body: { shape: change, examples: [{ title: 'Buy roses', completed: true }] },
    responses: [acceptedPersonal, updatedPersonal],
    problems: [notAnEditor, ...changeProblems],
    handler: (input) => writer.update(input, input.body),
  })
}
