// GET /api/todos: your own todos, a page at a time.

import { namesSomething } from '../../../../lib/domain/must-see.ts'
import type { Range } from '../../../../lib/domain/page.ts'
import { named } from '../../../../lib/domain/shape.ts'
import { exampleTodo, todoShape } from '../../../../lib/domain/todo.ts'
import { notModified, type AnswerDescription } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { ifNoneMatch } from '../../../http/contract/parameters.ts'
import { listVersionMin } from '../list-version.ts'
import { createPages, pageHeaders, pageOf, pageProblems, pageQuery } from '../pages.ts'
import type { TodoParts } from '../parts.ts'
import { personalTag } from '../vocabulary.ts'
import { mustSeeOf, writePositionMin } from '../write-position.ts'

const path = '/api/todos'

const found: AnswerDescription = {
  status: 200,
  description: 'Your todos, newest first, all of one version. `Link` says where the list goes on.',
  headers: pageHeaders,
  content: {
    mediaType: 'application/json',
    shape: named('TodoPage', pageOf(todoShape)),
    examples: [{ total: 11, limit: 10, page: 2, todos: [exampleTodo] }],
  },
}

export const listOwnTodos = (parts: TodoParts) => {
  const { store } = parts
  const reply = createPages(parts)
  return endpoint({
    method: 'GET',
    path,
    operationId: 'listOwnTodos',
    summary: 'List your todos, a page at a time',
    tag: personalTag,
    auth: 'bearer',
    limit: 'user',
    query: pageQuery(path),
    headers: { ifNoneMatch, listVersionMin, writePositionMin },
    responses: [found, notModified(pageHeaders)],
    problems: pageProblems,
    handler({ principal: { userId }, query, headers }) {
      const mustSee = mustSeeOf(headers)
      const listed = {
        owner: `user:${userId}` as const,
        readSlice: (range: Range) => store.readPersonalSlice(userId, range, mustSee),
        mustSee, // without a version: each change is announced to the cache
        isOfReader: namesSomething(mustSee),
        path,
        route: path,
      }
      return reply(userId, listed, query, headers.ifNoneMatch)
    },
  })
}
