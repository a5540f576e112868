// DELETE /todos/:id: a public todo of your own.

import { endpoint } from '../../http/contract/endpoint.ts'
import { idempotencyKey } from '../../http/write-headers.ts'
import { ifMatch } from './if-match.ts'
import { publicCollection, type TodoParts } from './parts.ts'
import {
  anothers,
  conditionProblems,
  keyProblems,
  nothingWritten,
  writeProblems,
} from './problems.ts'
import { accepted, deletedPublic, id, preferPublic, publicTag } from './vocabulary.ts'
import { createWriter } from './write.ts'

export const deleteTodo = (parts: TodoParts) => {
  const writer = createWriter(parts, publicCollection(parts))
  return endpoint({
    method: 'DELETE',
    path: '/todos/:id',
    operationId: 'deleteTodo',
    summary: 'Delete a todo of your own',
    tag: publicTag,
    auth: 'bearer',
    limit: 'write',
    params: { id },
    headers: { prefer: preferPublic, ifMatch, idempotencyKey },
    responses: [accepted, deletedPublic],
    problems: [anothers, nothingWritten, ...conditionProblems, ...keyProblems, ...writeProblems],
    handler: writer.remove,
  })
}
