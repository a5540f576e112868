// GET /todos and GET /todos?limit=N. Reached only when no reply is ready: an odd query, a list that
// is not held yet, HEAD.

import { newestCount } from '../../../lib/domain/list.ts'
import { list, optional, string } from '../../../lib/domain/shape.ts'
import { exampleTodo, todoShape } from '../../../lib/domain/todo.ts'
import { notModified, type AnswerDescription } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { count, ifNoneMatch } from '../../http/contract/parameters.ts'
import type { ReadySource, Reply } from '../../http/engines/engine.ts'
import { chooseEncoding } from '../../http/encodings.ts'
import { Problem, unavailable, type ProblemKind } from '../../http/problem.ts'
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
const notAcceptable: ProblemKind = {
  status: 406,
  detail: 'the list is available as identity, gzip and br: Accept-Encoding refuses all of them',
  when: '`Accept-Encoding` refuses every form that the list is available in.',
  field: 'Accept-Encoding',
}
/** A list that changes all the time is compressed anew each time: so often a client waits for it. */
const compressTriesMax = 5

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
    problems: [unreadable, notAcceptable],
    handler({ query, headers: { acceptEncoding, ifNoneMatch } }) {
      const limit = query.limit ?? 'all'
      const { encoding, isIdentityRefused } = chooseEncoding(acceptEncoding)
      if (encoding === undefined) throw new Problem(notAcceptable)
      const source = lists.source(limit, acceptEncoding, ifNoneMatch)
      const reply = source()
      if (!reply) {
        return isIdentityRefused
          ? compressed(lists, limit, acceptEncoding, source)
          : loaded(lists, limit, source)
      }
      lists.counts.handled.hits++
      return reply
    },
  })

const loaded = async (lists: HotLists, limit: Limit, source: ReadySource): Promise<Reply> => {
  const reply = await load(lists, limit, source)
  if (reply) return reply
  throw new Problem(unreadable)
}

const load = async (
  lists: HotLists,
  limit: Limit,
  source: ReadySource,
): Promise<Reply | undefined> => {
  lists.counts.handled.misses++
  try {
    await lists.load(limit)
    return source()
  } catch (error) {
    throw new Problem(unreadable, { cause: error })
  }
}

/** Identity is refused, and the first such request for a version finds nothing that is compressed. */
const compressed = async (
  lists: HotLists,
  limit: Limit,
  acceptEncoding: string | undefined,
  source: ReadySource,
): Promise<Reply> => {
  let reply = await load(lists, limit, source)
  for (let tries = 0; !reply && tries < compressTriesMax; tries++) {
    await lists.compressed(limit, acceptEncoding)
    reply = source()
  }
  if (reply) return reply
  throw new Problem(notAcceptable)
}
