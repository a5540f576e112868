// GET /api/todos/:id: one of your own todos, or one that is shared with you.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { ifNoneMatch } from '../../../http/contract/parameters.ts'
import { readQueueProblems } from '../../../http/problems.ts'
import { answerWithTodo } from '../answer-with-todo.ts'
import type { TodoParts } from '../parts.ts'
import { noSuchTodo, todoUnreadable } from '../problems.ts'
import { id, personalTag, readPersonal } from '../vocabulary.ts'

export const readOwnTodo = ({ store, reads }: TodoParts) =>
  endpoint({
    method: 'GET',
    path: '/api/todos/:id',
    operationId: 'readOwnTodo',
    summary: 'Read one of your todos, or one that is shared with you',
    tag: personalTag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    headers: { ifNoneMatch },
    responses: readPersonal,
    problems: [noSuchTodo, todoUnreadable, ...readQueueProblems],
    handler: ({ principal: { userId }, params, headers }) =>
      answerWithTodo(headers.ifNoneMatch, () =>
        reads.run(userId, async () => (await store.readPersonalTodo(userId, params.id))?.row),
      ),
  })
