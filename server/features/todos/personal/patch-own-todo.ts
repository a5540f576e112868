// PATCH /api/todos/:id: a part of a todo of your own, or of one that you may edit, merged by the
// worker.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { idempotencyKey } from '../../../http/write-headers.ts'
import { ifMatch } from '../if-match.ts'
import { personalCollection, type TodoParts } from '../parts.ts'
import { changeProblems, notAnEditor } from '../problems.ts'
import {
  acceptedPersonal,
  change,
  id,
  patchTypes,
  personalTag,
  preferPersonal,
  updatedPersonal,
} from '../vocabulary.ts'
import { createWriter } from '../write.ts'

export const patchOwnTodo = (parts: TodoParts) => {
  const writer = createWriter(parts, personalCollection(parts))
  return endpoint({
    method: 'PATCH',
    path: '/api/todos/:id',
    operationId: 'patchOwnTodo',
    summary: 'Change a part of one of your todos',
    tag: personalTag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    headers: { prefer: preferPersonal, ifMatch, idempotencyKey },
    body: { shape: change, examples: [{ completed: true }], mediaTypes: patchTypes },
    responses: [acceptedPersonal, updatedPersonal],
    problems: [notAnEditor, ...changeProblems],
    handler: (input) => writer.update(input, input.body),
  })
}
