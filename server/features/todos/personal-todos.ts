// A user's own todos: nobody else sees them, or learns that they are there. Reads; writes are in
// write-todos.ts.

import { parseTodoId } from '../../../lib/domain/todo.ts'
import type { PageCache } from '../../../lib/page-cache/page-cache.ts'
import type { PageName, PageSnapshot } from '../../../lib/domain/page.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import { authenticate, type VerifyToken } from '../../identity/authenticate.ts'
import { holds } from '../../http/encodings.ts'
import { createReply } from '../../http/engines/engine.ts'
import type { ReadQueue } from '../../http/pending.ts'
import { checkField, Problem, unavailable } from '../../http/problem.ts'
import type { Handler } from '../../http/router.ts'
import { jsonHeaders } from '../../http/security-headers.ts'
import { answerWithTodo } from './read-todo.ts'
import type { Collection } from './write-todos.ts'

export type PersonalParts = {
  readonly store: Pick<TodoStore, 'readPersonalTodo' | 'readPersonalPage' | 'personalVersion'>
  readonly pages: PageCache
  readonly verifyToken: VerifyToken
  readonly reads: ReadQueue
}

const path = '/api/todos'
export const pageLimitMax = 100
export const pageMax = 10_000
const pageLimitDefault = 10
/** Applied within milliseconds, unless the worker is behind. */
const waitSecDefault = 10

export const personalCollection = ({
  store,
  pages,
}: Pick<PersonalParts, 'store' | 'pages'>): Collection => ({
  path,
  isPersonal: true,
  waitSec: waitSecDefault,
  read: (userId, id) => store.readPersonalTodo(userId, id),
  // The worker says so too, but perhaps after the user's next request.
  async onChanged(userId) {
    const version = await store.personalVersion(userId).catch(() => undefined)
    if (version !== undefined) await pages.changed(new Map([[userId, version]]))
  },
})

export const readPersonalTodo =
  ({ store, verifyToken, reads }: PersonalParts): Handler =>
  (request, id) => {
    const userId = authenticate(request, verifyToken)
    const todoId = checkField(() => parseTodoId(id))
    return answerWithTodo(request, () =>
      reads.run(userId, () => store.readPersonalTodo(userId, todoId)),
    )
  }

export const listPersonalTodos =
  ({ store, pages, verifyToken, reads }: PersonalParts): Handler =>
  async (request) => {
    const name = { userId: authenticate(request, verifyToken), ...parsePage(request.query) }
    let snapshot = await pages.get(name)
    if (!snapshot) {
      const read = reads.run(name.userId, () => store.readPersonalPage(name))
      snapshot = await read.catch((error: unknown) => {
        if (error instanceof Problem) throw error
        throw unavailable("the todos can't be read now", { cause: error })
      })
      void pages.fill(name, snapshot)
    }
    const etag = `"${snapshot.version}-${name.limit}-${name.page}"`
    const headers = ['ETag', etag, 'Cache-Control', 'private, no-cache', ...linksOf(name, snapshot)]
    const ifNoneMatch = request.header('if-none-match')
    if (ifNoneMatch !== undefined && holds(ifNoneMatch, etag)) {
      return { status: 304, headers, body: Buffer.alloc(0), close: false }
    }
    return createReply(200, [...jsonHeaders, ...headers], pageJson(name, snapshot))
  }

const pageJson = ({ limit, page }: PageName, { total, body }: PageSnapshot): Buffer =>
  Buffer.concat([
    Buffer.from(`{"total":${total},"limit":${limit},"page":${page},"todos":`),
    ...[body, Buffer.from('}')],
  ])

/** RFC 8288: where the neighbours of this page are, and the ends. */
const linksOf = ({ limit, page }: PageName, { total }: PageSnapshot): string[] => {
  const last = Math.min(Math.max(1, Math.ceil(total / limit)), pageMax)
  const link = (rel: string, to: number) => `<${path}?limit=${limit}&page=${to}>; rel="${rel}"`
  const links = [
    link('first', 1),
    ...(page > 1 ? [link('prev', Math.min(page - 1, last))] : []),
    ...(page < last ? [link('next', page + 1)] : []),
    link('last', last),
  ]
  return ['Link', links.join(', ')]
}

const parsePage = (query: string): Pick<PageName, 'limit' | 'page'> => {
  const parameters = new URLSearchParams(query)
  const read = (field: string, max: number, otherwise: number): number => {
    const [text, ...others] = parameters.getAll(field)
    if (text === undefined) return otherwise
    const value = /^[1-9]\d{0,5}$/.test(text) ? Number(text) : NaN
    if (others.length === 0 && value <= max) return value
    throw new Problem(400, `${field} must be one whole number from 1 to ${max}`, { field })
  }
  return {
    limit: read('limit', pageLimitMax, pageLimitDefault),
    page: read('page', pageMax, 1),
  }
}
