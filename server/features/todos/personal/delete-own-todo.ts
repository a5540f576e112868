// DELETE /api/todos/:id: a todo of your own.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { idempotencyKey } from '../../../http/write-headers.ts'
import { ifMatch } from '../if-match.ts'
import { personalCollection, type TodoParts } from '../parts.ts'
import {
  conditionProblems,
  keyProblems,
  notAnEditor,
  nothingWritten,
  writeProblems,
} from '../problems.ts'
import {
  acceptedPersonal,
  deletedPersonal,
  id,
  personalTag,
  preferPersonal,
} from '../vocabulary.ts'
import { createWriter } from '../write.ts'

export const deleteOwnTodo = (parts: TodoParts) => {
  const writer = createWriter(parts, personalCollection(parts))
  return endpoint({
    method: 'DELETE',
    path: '/api/todos/:id',
    operationId: 'deleteOwnTodo',
    summary: 'Delete one of your todos',
    tag: personalTag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    headers: { prefer: preferPersonal, ifMatch, idempotencyKey },
    responses: [acceptedPersonal, deletedPersonal],
    problems: [notAnEditor, nothingWritten, ...conditionProblems, ...keyProblems, ...writeProblems],
    handler: writer.remove,
  })
}
