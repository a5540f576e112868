// GET /api/todos: your own todos, a page at a time.

import {
  pagedMax,
  placeOf,
  type PageName,
  type PageSnapshot,
  type Position,
  type Slice,
} from '../../../../lib/domain/page.ts'
import {
  list,
  named,
  object,
  optional,
  orElse,
  described,
  wholeNumber,
} from '../../../../lib/domain/shape.ts'
import { exampleTodo, todoShape } from '../../../../lib/domain/todo.ts'
import { notModified, unlessHeld, type AnswerDescription } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { count, ifNoneMatch } from '../../../http/contract/parameters.ts'
import { afterParameter, link, targetAfter } from '../../../http/cursor.ts'
import { contentTag } from '../../../http/encodings.ts'
import { createReply, type Reply } from '../../../http/engines/engine.ts'
import { orProblem, Problem, unavailable } from '../../../http/problem.ts'
import { invalid, readQueueProblems } from '../../../http/problems.ts'
import { etag, links, privateNoCache } from '../../../http/response-headers.ts'
import { jsonHeaders } from '../../../http/security-headers.ts'
import type { TodoParts } from '../parts.ts'
import { personalTag } from '../vocabulary.ts'

const path = '/api/todos'
export const limitMax = 100
const limitDefault = 10
const further = 'further todos follow with after, from the Link of a page'

const todoPage = named(
  'TodoPage',
  object({
    total: optional(
      described(
        wholeNumber(0, pagedMax),
        `How many there are in all; ${pagedMax} stands for more, too. Not with \`after\`.`,
      ),
    ),
    limit: wholeNumber(1, limitMax),
    page: optional(described(wholeNumber(1, pagedMax), 'Not with `after`.')),
    todos: list(todoShape),
  }),
)
const headers = [etag, privateNoCache, links]
const found: AnswerDescription = {
  status: 200,
  description: 'Your todos, newest first, all of one version. `Link` says where the list goes on.',
  headers,
  content: {
    mediaType: 'application/json',
    shape: todoPage,
    examples: [{ total: 11, limit: 10, page: 2, todos: [exampleTodo] }],
  },
}
const unreadable = unavailable(
  {
    slug: 'todos-unreadable',
    when: 'The todos can not be read now.',
    remedy: 'Wait for `Retry-After`, then read again. `/ready` says which dependency is down.',
  },
  "the todos can't be read now",
)

const tooFar = (limit: number) =>
  invalid(`page must be at most ${pageMaxOf(limit)} with a limit of ${limit}: ${further}`, 'page')
const pageAndAfter = invalid('page and after exclude each other', 'page')

export const listOwnTodos = ({ store, pages, reads }: TodoParts) => {
  const queued = <T>(userId: string, read: () => Promise<T>): Promise<T> =>
    reads.run(userId, read).catch(orProblem(unreadable))

  const readPage = async (userId: string, name: PageName): Promise<PageSnapshot> => {
    const known = await pages.get(name)
    if (known) return known
    const snapshot = await queued(userId, () => store.readPage(name))
    void pages.fill(name, snapshot)
    return snapshot
  }

  return endpoint({
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
        shape: optional(count(pagedMax, further)),
        description: `The first without it. Pages reach the newest ${pagedMax} todos; \`after\` reaches all.`,
        example: 2,
      },
      after: afterParameter(path),
    },
    headers: { ifNoneMatch },
    responses: [found, notModified(headers)],
    problems: [tooFar(limitMax), pageAndAfter, unreadable, ...readQueueProblems],
    async handler({ principal: { userId }, query, headers: { ifNoneMatch } }) {
      const { limit, page = 1, after } = query
      if (after) {
        if (query.page !== undefined) throw new Problem(pageAndAfter)
        // Not cached: it costs Postgres no more than the cache, wherever it is.
        const read = () => store.readPersonalSlice(userId, { after, count: limit })
        return sliceReply(await queued(userId, read), limit, ifNoneMatch)
      }
      if (page * limit > pagedMax) throw new Problem(tooFar(limit))
      const name = { owner: `user:${userId}` as const, limit, page }
      return pageReply(name, await readPage(userId, name), ifNoneMatch)
    },
  })
}

const sliceReply = ({ body, next }: Slice, limit: number, ifNoneMatch?: string): Reply => {
  const links = [link('first', pageTarget(limit, 1)), ...nextOf(limit, next)]
  const json = Buffer.concat([Buffer.from(`{"limit":${limit},"todos":`), body, closing])
  return reply(contentTag(json), links, () => json, ifNoneMatch)
}

const pageReply = (name: PageName, snapshot: PageSnapshot, ifNoneMatch?: string): Reply => {
  const { limit, page } = name
  const { version, total, body } = snapshot
  const head = `{"total":${Math.min(total, pagedMax)},"limit":${limit},"page":${page},"todos":`
  const json = () => Buffer.concat([Buffer.from(head), body, closing])
  return reply(`"${version}-${limit}-${page}"`, linksOf(name, snapshot), json, ifNoneMatch)
}

const closing = Buffer.from('}')

const reply = (
  etag: string,
  links: readonly string[],
  json: () => Buffer,
  ifNoneMatch?: string,
): Reply => {
  const headers = ['ETag', etag, 'Cache-Control', 'private, no-cache', 'Link', links.join(', ')]
  return unlessHeld(ifNoneMatch, etag, headers, () =>
    createReply(200, [...jsonHeaders, ...headers], json()),
  )
}

/** RFC 8288: where the neighbours of this page are, and the ends of what pages reach. */
const linksOf = ({ limit, page }: PageName, { total, body }: PageSnapshot): string[] => {
  const last = Math.max(1, Math.min(Math.ceil(total / limit), pageMaxOf(limit)))
  // By its last todo, not by its number: what is written meanwhile moves no todo to another page.
  const next = page * limit < total ? lastPlaceIn(body) : undefined
  return [
    link('first', pageTarget(limit, 1)),
    ...(page > 1 ? [link('prev', pageTarget(limit, Math.min(page - 1, last)))] : []),
    ...nextOf(limit, next),
    link('last', pageTarget(limit, last)),
  ]
}

const pageMaxOf = (limit: number) => Math.floor(pagedMax / limit)
const pageTarget = (limit: number, page: number) => `${path}?limit=${limit}&page=${page}`
const nextOf = (limit: number, next: Position | undefined): string[] =>
  next ? [link('next', targetAfter(path, limit, next))] : []

/** Of a JSON array with one todo a line. */
const lastPlaceIn = (body: Buffer): Position | undefined =>
  placeOf(body.subarray(Math.max(0, body.lastIndexOf(newline)) + 1, -1))
const newline = 0x0a
