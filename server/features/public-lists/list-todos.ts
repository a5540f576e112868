// GET /todos and GET /todos?limit=N. Reached only when no reply is ready: an odd query, a list that
// is not held yet, HEAD.

import { newestCount } from '../../../lib/domain/list.ts'
import { list, optional, string } from '../../../lib/domain/shape.ts'
import { exampleTodo, todoShape } from '../../../lib/domain/todo.ts'
import { notModified, type AnswerDescription } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { count, ifNoneMatch } from '../../http/contract/parameters.ts'
import type { ReadySource, Reply } from '../../http/engines/engine.ts'
import { Problem, unavailable } from '../../http/problem.ts'
import { contentEncoding, etag, noCache, vary } from '../../http/response-headers.ts'
import type { HotLists, Limit } from './hot-list.ts'

const headers = [etag, noCache, vary]
const newestFirst: AnswerDescription = {
  status: 200,
  description: 'The todos, newest first, all of one version.',
  isReady: true,
  headers: [...headers, contentEncoding],
  content: {
    mediaType: 'application/json',
    shape: list(todoShape),
    examples: [[exampleTodo]],
  },
}
const unreadable = unavailable("the list can't be read now", {
  when: 'The list can not be read now.',
})

export const listTodos = (lists: HotLists) =>
  endpoint({
    method: 'GET',
    path: '/todos',
    operationId: 'listTodos',
    summary: 'List the newest todos, or all',
    tag: { name: 'Public lists', description: 'The todos of all, from memory.' },
    auth: 'none',
    query: {
      limit: {
        shape: optional(count(newestCount)),
        description: 'The newest so many; all todos without it.',
        example: 10,
      },
    },
    headers: {
      ifNoneMatch,
      acceptEncoding: {
        name: 'Accept-Encoding',
        description: 'Compressions that the client accepts.',
        example: 'br, gzip',
        shape: optional(string()),
      },
    },
    responses: [newestFirst, { ...notModified(headers), isReady: true }],
    problems: [unreadable],
    handler({ query, headers: { acceptEncoding, ifNoneMatch } }) {
      const limit = query.limit ?? 'all'
      const source = lists.source(limit, acceptEncoding, ifNoneMatch)
      const reply = source()
      if (!reply) return loaded(lists, limit, source)
      lists.counts.handled.hits++
      return reply
    },
  })

const loaded = async (lists: HotLists, limit: Limit, source: ReadySource): Promise<Reply> => {
  lists.counts.handled.misses++
  try {
    await lists.load(limit)
    const reply = source()
    if (reply) return reply
  } catch (error) {
    throw new Problem(unreadable, { cause: error })
  }
  throw new Problem(unreadable)
}
