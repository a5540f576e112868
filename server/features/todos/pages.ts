// Lists that are not public, a page at a time: what is asked for, and how it is answered. By its number,
// from the cache; or from a place in the list on, from the store.

import type { MustSee } from '../../../lib/domain/must-see.ts'
import {
  pagedMax,
  placeOf,
  type OwnedSlice,
  type PageName,
  type PageOwner,
  type PageSnapshot,
  type Position,
  type Range,
} from '../../../lib/domain/page.ts'
import {
  described,
  list,
  object,
  optional,
  orElse,
  wholeNumber,
  type Shape,
} from '../../../lib/domain/shape.ts'
import { unlessHeld } from '../../http/contract/answer.ts'
import { count } from '../../http/contract/parameters.ts'
import { afterParameter, link, targetAfter } from '../../http/cursor.ts'
import { contentTag } from '../../http/encodings.ts'
import { createReply, type Reply } from '../../http/engines/engine.ts'
import { orProblem, Problem, unavailable } from '../../http/problem.ts'
import { invalid, readQueueProblems } from '../../http/problems.ts'
import { etag, links, privateNoCache } from '../../http/response-headers.ts'
import { jsonHeaders } from '../../http/security-headers.ts'
import { listVersion, listVersionOf } from './list-version.ts'
import type { TodoParts } from './parts.ts'

export const limitMax = 100
const limitDefault = 10
const further = 'further todos follow with after, from the Link of a page'

export const pageOf = <T>(todo: Shape<T>) =>
  object({
    total: optional(
      described(
        wholeNumber(0, pagedMax),
        `How many there are in all; ${pagedMax} stands for more, too. Not with \`after\`.`,
      ),
    ),
    limit: wholeNumber(1, limitMax),
    page: optional(described(wholeNumber(1, pagedMax), 'Not with `after`.')),
    todos: list(todo),
  })
export const pageHeaders = [etag, privateNoCache, links, listVersion]

/** `route`: the path of the endpoint. */
export const pageQuery = (route: string) => ({
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
  after: afterParameter(route),
})
type Query = {
  readonly limit: number
  readonly page: number | undefined
  readonly after: Position | undefined
}

const unreadable = unavailable(
  {
    slug: 'todos-unreadable',
    when: 'The todos can not be read now.',
    remedy: 'Wait for `Retry-After`, then read again. `/ready` says which dependency is down.',
  },
  "the todos can't be read now",
)
export const orUnreadable = orProblem(unreadable)
const pageMaxOf = (limit: number) => Math.floor(pagedMax / limit)
const tooFar = (limit: number) =>
  invalid(`page must be at most ${pageMaxOf(limit)} with a limit of ${limit}: ${further}`, 'page')
const pageAndAfter = invalid('page and after exclude each other', 'page')
export const pageProblems = [
  tooFar(limitMax),
  pageAndAfter,
  unreadable,
  ...readQueueProblems,
] as const

/** A list as it is asked for. */
type Listed = {
  readonly owner: PageOwner
  readonly readSlice: (range: Range) => Promise<OwnedSlice>
  /** What is of a version before its is out of date. */
  readonly mustSee: MustSee
  /** The reader named it. With less than all from a replica he is content, and others are not. */
  readonly isOfReader: boolean
  /** Of the list, and of its endpoint. */
  readonly path: string
  readonly route: string
}

type PageParts = Pick<TodoParts, 'pages' | 'reads'> & {
  readonly store: Pick<TodoParts['store'], 'readPage'>
}

export const createPages = ({ store, pages, reads }: PageParts) => {
  const readPage = async (userId: string, listed: Listed, name: PageName) => {
    const { mustSee, isOfReader } = listed
    // Which commands a page in the cache has is not known.
    const known = mustSee.positions ? undefined : await pages.get(name)
    if (known && known.version >= (mustSee.version ?? 0)) return known
    const read = () => store.readPage(name, mustSee)
    const { isFromReplica, ...snapshot } = await reads.run(userId, read).catch(orUnreadable)
    if (!isFromReplica || !isOfReader) void pages.fill(name, snapshot)
    return snapshot
  }

  return async (
    userId: string,
    listed: Listed,
    query: Query,
    ifNoneMatch: string | undefined,
  ): Promise<Reply> => {
    const { limit, page = 1, after } = query
    if (after) {
      if (query.page !== undefined) throw new Problem(pageAndAfter)
      // Not cached: it costs Postgres no more than the cache, wherever it is.
      const read = () => listed.readSlice({ after, count: limit })
      const slice = await reads.run(userId, read).catch(orUnreadable)
      return sliceReply(listed, slice, limit, ifNoneMatch)
    }
    if (page * limit > pagedMax) throw new Problem(tooFar(limit))
    const name = { owner: listed.owner, limit, page }
    return pageReply(listed, name, await readPage(userId, listed, name), ifNoneMatch)
  }
}

const sliceReply = (
  listed: Listed,
  { body, next, version }: OwnedSlice,
  limit: number,
  ifNoneMatch: string | undefined,
): Reply => {
  const links = [link('first', pageTarget(listed, limit, 1)), ...nextOf(listed, limit, next)]
  const json = Buffer.concat([Buffer.from(`{"limit":${limit},"todos":`), body, closing])
  return reply(contentTag(json), links, () => json, ifNoneMatch, version)
}

const pageReply = (
  listed: Listed,
  name: PageName,
  snapshot: PageSnapshot,
  ifNoneMatch: string | undefined,
): Reply => {
  const { limit, page } = name
  const { version, total, body } = snapshot
  const head = `{"total":${Math.min(total, pagedMax)},"limit":${limit},"page":${page},"todos":`
  const json = () => Buffer.concat([Buffer.from(head), body, closing])
  const etag = `"${version}-${limit}-${page}"`
  return reply(etag, linksOf(listed, name, snapshot), json, ifNoneMatch, version)
}

const closing = Buffer.from('}')

const reply = (
  etag: string,
  links: readonly string[],
  json: () => Buffer,
  ifNoneMatch: string | undefined,
  version: number,
): Reply => {
  const link = links.join(', ')
  const held = ['ETag', etag, 'Cache-Control', 'private, no-cache', 'Link', link]
  const headers = [...held, ...listVersionOf(version)]
  return unlessHeld(ifNoneMatch, etag, headers, () =>
    createReply(200, [...jsonHeaders, ...headers], json()),
  )
}

/** RFC 8288: where the neighbours of this page are, and the ends of what pages reach. */
const linksOf = (
  listed: Listed,
  { limit, page }: PageName,
  { total, body }: PageSnapshot,
): string[] => {
  const last = Math.max(1, Math.min(Math.ceil(total / limit), pageMaxOf(limit)))
  // By its last todo, not by its number: what is written meanwhile moves no todo to another page.
  const next = page * limit < total ? lastPlaceIn(body) : undefined
  return [
    link('first', pageTarget(listed, limit, 1)),
    ...(page > 1 ? [link('prev', pageTarget(listed, limit, Math.min(page - 1, last)))] : []),
    ...nextOf(listed, limit, next),
    link('last', pageTarget(listed, limit, last)),
  ]
}

const pageTarget = ({ path }: Listed, limit: number, page: number) =>
  `${path}?limit=${limit}&page=${page}`
const nextOf = ({ path, route }: Listed, limit: number, next: Position | undefined): string[] =>
  next ? [link('next', targetAfter(path, limit, next, route))] : []

/** Of a JSON array with one todo a line. */
const lastPlaceIn = (body: Buffer): Position | undefined =>
  placeOf(body.subarray(Math.max(0, body.lastIndexOf(newline)) + 1, -1))
const newline = 0x0a
