// GET /api/todos: your own todos, a page at a time.

import type { PageName, PageSnapshot } from '../../../../lib/domain/page.ts'
import {
  list,
  named,
  object,
  orElse,
  described,
  wholeNumber,
} from '../../../../lib/domain/shape.ts'
import { exampleTodo, todoShape } from '../../../../lib/domain/todo.ts'
import { notModified, withoutBody, type AnswerDescription } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { count, ifNoneMatch } from '../../../http/contract/parameters.ts'
import { etagMatches } from '../../../http/encodings.ts'
import { createReply } from '../../../http/engines/engine.ts'
import { Problem, unavailable } from '../../../http/problem.ts'
import { readQueueProblems } from '../../../http/problems.ts'
import { etag, links, privateNoCache } from '../../../http/response-headers.ts'
import { jsonHeaders } from '../../../http/security-headers.ts'
import type { TodoParts } from '../parts.ts'
import { personalTag } from '../vocabulary.ts'

const path = '/api/todos'
const limitMax = 100
const limitDefault = 10
const pageMax = 10_000

const todoPage = named(
  'TodoPage',
  object({
    total: described(wholeNumber(0), 'How many there are in all.'),
    limit: wholeNumber(1, limitMax),
    page: wholeNumber(1, pageMax),
    todos: list(todoShape),
  }),
)
const headers = [etag, privateNoCache, links]
const found: AnswerDescription = {
  status: 200,
  description: 'Your todos, newest first, all of one version.',
  headers,
  content: {
    mediaType: 'application/json',
    shape: todoPage,
    examples: [{ total: 11, limit: 10, page: 2, todos: [exampleTodo] }],
  },
}
const unreadable = unavailable("the todos can't be read now", {
  when: 'The todos can not be read now.',
})

export const listOwnTodos = ({ store, pages, reads }: TodoParts) =>
  endpoint({
    method: 'GET',
    path,
    operationId: 'listOwnTodos',
    summary: 'List your todos, a page at a time',
    tag: personalTag,
    auth: 'bearer',
    limit: 'user',
    query: {
      limit: {
        shape: orElse(count(limitMax), limitDefault),
        description: `Todos on a page; ${limitDefault} without it.`,
        example: 10,
      },
      page: {
        shape: orElse(count(pageMax), 1),
        description: 'The first without it.',
        example: 2,
      },
    },
    headers: { ifNoneMatch },
    responses: [found, notModified(headers)],
    problems: [unreadable, ...readQueueProblems],
    async handler({ principal: { userId }, query: { limit, page }, headers: { ifNoneMatch } }) {
      const name = { userId, limit, page }
      let snapshot = await pages.get(name)
      if (!snapshot) {
        const read = reads.run(userId, () => store.readPersonalPage(name))
        snapshot = await read.catch((error: unknown) => {
          if (error instanceof Problem) throw error
          throw new Problem(unreadable, { cause: error })
        })
        void pages.fill(name, snapshot)
      }
      const etag = `"${snapshot.version}-${limit}-${page}"`
      const headers = [
        'ETag',
        etag,
        'Cache-Control',
        'private, no-cache',
        ...linksOf(name, snapshot),
      ]
      return ifNoneMatch !== undefined && etagMatches(ifNoneMatch, etag)
        ? withoutBody(304, headers)
        : createReply(200, [...jsonHeaders, ...headers], pageJson(name, snapshot))
    },
  })

const pageJson = ({ limit, page }: PageName, { total, body }: PageSnapshot): Buffer =>
  Buffer.concat([
    Buffer.from(`{"total":${total},"limit":${limit},"page":${page},"todos":`),
    body,
    Buffer.from('}'),
  ])

/** RFC 8288: where the neighbours of this page are, and the ends. */
const linksOf = ({ limit, page }: PageName, { total }: PageSnapshot): string[] => {
  const last = Math.min(Math.max(1, Math.ceil(total / limit)), pageMax)
  const link = (rel: string, to: number) => `<${path}?limit=${limit}&page=${to}>; rel="${rel}"`
  const all = [
    link('first', 1),
    ...(page > 1 ? [link('prev', Math.min(page - 1, last))] : []),
    ...(page < last ? [link('next', page + 1)] : []),
    link('last', last),
  ]
  return ['Link', all.join(', ')]
}
