// What is sent to operations of more than one kind: parameters, bodies, and what may be wrong with them.

import { idPattern, titleLengthMax } from '../../../../lib/domain/todo.ts'
import { bodyBytesMax } from '../../../http/json-body.ts'
import { idempotencyKeyPattern } from '../../../http/write-headers.ts'
import type { Parameter } from './openapi.ts'
import { json } from './parts.ts'
import { exampleTodo } from './responses.ts'
import { ref } from './schemas.ts'

export const id: Parameter = {
  ...{ name: 'id', in: 'path', required: true, example: exampleTodo.id },
  description: 'The id of a todo.',
  schema: { type: 'string', pattern: idPattern.source },
}
export const ifNoneMatch: Parameter = {
  ...{ name: 'If-None-Match', in: 'header', example: '"1042-10"', schema: { type: 'string' } },
  description: 'The `ETag` of what the client has already.',
}
export const idempotencyKey: Parameter = {
  ...{ name: 'Idempotency-Key', in: 'header', example: '5c1f2b9e-8d0a-4f4e-9d53-5b6f1d1c7a11' },
  description: 'One key of one user is one todo, however often it is sent. Remembered for a week.',
  schema: { type: 'string', pattern: idempotencyKeyPattern.source },
}

export const body = (name: 'NewTodo' | 'TodoChange' | 'Status', ...examples: object[]) => ({
  required: true as const,
  description: `At most ${bodyBytesMax} bytes of JSON in UTF-8.`,
  content: json(ref(name), ...examples),
})

export const badId = { detail: 'id must be 1 to 64 letters, digits, - or _', field: 'id' }
export const badTitle = {
  detail: `title must have 1 to ${titleLengthMax} characters`,
  field: 'title',
}
