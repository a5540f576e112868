// GET /todos/:id: one public todo, from Postgres or a replica. Not the hot path: lists are.

import { allCommitted } from '../../../lib/domain/must-see.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { ifNoneMatch } from '../../http/contract/parameters.ts'
import { readQueueProblems } from '../../http/problems.ts'
import { answerWithTodo } from './answer-with-todo.ts'
import type { TodoParts } from './parts.ts'
import { noSuchTodo, todoUnreadable } from './problems.ts'
import { id, publicTag, readPublic } from './vocabulary.ts'

export const readTodo = ({ store, reads }: TodoParts) =>
  endpoint({
    method: 'GET',
    path: '/todos/:id',
    operationId: 'readTodo',
    summary: 'Read a todo',
    tag: publicTag,
    auth: 'none',
    limit: 'read',
    params: { id },
    headers: { ifNoneMatch },
    responses: readPublic,
    problems: [noSuchTodo, todoUnreadable, ...readQueueProblems],
    handler: ({ client, params, headers }) =>
      answerWithTodo(headers.ifNoneMatch, () =>
        reads.run(client.key, () => store.readTodo(params.id, allCommitted)),
      ),
  })
