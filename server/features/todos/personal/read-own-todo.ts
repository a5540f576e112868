// GET /api/todos/:id: one of your own todos, or one that is shared with you.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { ifNoneMatch } from '../../../http/contract/parameters.ts'
import { readQueueProblems } from '../../../http/problems.ts'
import { answerTodo, unreadable } from '../answer-with-todo.ts'
import { listVersionMin, listVersionOf } from '../list-version.ts'
import type { TodoParts } from '../parts.ts'
import { noSuchTodo, todoUnreadable } from '../problems.ts'
import { id, personalTag, readPersonal } from '../vocabulary.ts'
import { mustSeeOf, writePositionMin } from '../write-position.ts'

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
    headers: { ifNoneMatch, listVersionMin, writePositionMin },
    responses: readPersonal,
    problems: [noSuchTodo, todoUnreadable, ...readQueueProblems],
    async handler({ principal: { userId }, params, headers }) {
      const read = () => store.readPersonalTodo(userId, params.id, mustSeeOf(headers))
      const { row, version } = (await reads.run(userId, read).catch(unreadable)) ?? {}
      return answerTodo(headers.ifNoneMatch, row, listVersionOf(version))
    },
  })
