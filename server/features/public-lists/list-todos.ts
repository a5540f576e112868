// GET /todos and GET /todos?limit=N. Reached only when no reply is ready: an odd query, a list that
// is not held yet, HEAD; and what follows the newest, which comes from Postgres as single todos do.

import { newestCount } from '../../../lib/domain/list.ts'
import { listInParts, partCount } from '../../../lib/domain/list-parts.ts'
import type { Range } from '../../../lib/domain/page.ts'
import { list, optional, string } from '../../../lib/domain/shape.ts'
import { exampleTodo, todoShape } from '../../../lib/domain/todo.ts'
import type { PartialSlice, ReadingStore } from '../../../lib/todo-store/todo-store.ts'
import { notModified, unlessHeld, type AnswerDescription } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { count, ifNoneMatch } from '../../http/contract/parameters.ts'
import { afterParameter, nextLink } from '../../http/cursor.ts'
import { chooseEncoding, contentTag } from '../../http/encodings.ts'
import {
  createReply,
  createStreamed,
  type ReadySource,
  type Reply,
} from '../../http/engines/engine.ts'
import type { ReadQueue } from '../../http/pending.ts'
import { orProblem, Problem, unavailable } from '../../http/problem.ts'
import { invalid, notAcceptable, readQueueProblems } from '../../http/problems.ts'
import {
  contentEncoding,
  etag,
  etagIfAny,
  linkToNext,
  missingShardsIfAny,
  noCache,
  vary,
} from '../../http/response-headers.ts'
import { listCaching, listType, missingShards } from './headers.ts'
import type { HotLists, Limit } from './hot-list.ts'

const path = '/todos'
const headers = [etag, noCache, vary, linkToNext, missingShardsIfAny]
const newestFirst: AnswerDescription = {
  status: 200,
  description: `The todos, newest first, all of one version, which the \`ETag\` names. With \`limit\`, a \`Link\` says where the list goes on. The newest ${newestCount} have one also where nothing follows: the next list is empty then. The list of all is streamed from the database when it is too long to be held: it has no \`ETag\` then, and is not of one version. Each todo is as it was when it was read, and those that came meanwhile are not in it.`,
  isReady: true,
  headers: [etagIfAny, noCache, vary, linkToNext, missingShardsIfAny, contentEncoding],
  content: {
    mediaType: 'application/json',
    shape: list(todoShape),
    examples: [[exampleTodo]],
  },
}
const unreadable = unavailable(
  {
    slug: 'list-unreadable',
    when: 'The list can not be read now, and none is in memory that is new enough.',
    remedy: 'Wait for `Retry-After`, then read again. `/ready` says which dependency is down.',
  },
  "the list can't be read now",
)
/** A list that changes all the time is compressed anew each time: so often a client waits for it. */
const compressTriesMax = 5

const afterWithoutLimit = invalid(
  'after needs a limit: how many to give of those that follow',
  'limit',
)

export type ListParts = {
  readonly lists: HotLists
  readonly store: Pick<ReadingStore, 'readPublicSlice'>
  readonly reads: ReadQueue
}

export const listTodos = ({ lists, store, reads }: ListParts) =>
  endpoint({
    method: 'GET',
    path,
    operationId: 'listTodos',
    summary: 'List the newest todos, those that follow, or all',
    tag: {
      name: 'Public lists',
      description: 'The todos of all: the newest from memory, those that follow from the database.',
    },
    auth: 'none',
    limit: 'read',
    limitedWith: 'after',
    limitWithout: 'list',
    isStreamed: true,
    query: {
      limit: {
        shape: optional(count(newestCount)),
        description: 'The newest so many; all todos without it.',
        example: 10,
      },
      after: afterParameter(path),
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
    problems: [afterWithoutLimit, unreadable, notAcceptable, ...readQueueProblems],
    handler({ client, query, headers: { acceptEncoding, ifNoneMatch } }) {
      const { limit = 'all', after } = query
      const { encoding, isIdentityRefused } = chooseEncoding(acceptEncoding)
      if (encoding === undefined) throw new Problem(notAcceptable)
      const read = (range: Range) =>
        reads.run(client.key, () => store.readPublicSlice(range)).catch(orProblem(unreadable))
      if (after) {
        if (limit === 'all') throw new Problem(afterWithoutLimit)
        return read({ after, count: limit }).then((slice) => sliceReply(slice, limit, ifNoneMatch))
      }
      const source = lists.source(limit, acceptEncoding, ifNoneMatch)
      const reply = source()
      if (!reply) {
        if (isIdentityRefused) return compressed(lists, limit, acceptEncoding, source)
        return loaded(lists, limit, source, read)
      }
      lists.counts.handled.hits++
      return reply
    },
  })

const sliceReply = (
  { body, next, missing }: PartialSlice,
  limit: number,
  ifNoneMatch?: string,
): Reply => {
  const etag = contentTag(body)
  const headers = [
    'ETag',
    etag,
    ...listCaching,
    ...nextLink(path, limit, next),
    ...missingShards(missing),
  ]
  return unlessHeld(ifNoneMatch, etag, headers, () =>
    createReply(200, [...listType, ...headers], body),
  )
}

type ReadSlice = (range: Range) => Promise<PartialSlice>

const loaded = async (
  lists: HotLists,
  limit: Limit,
  source: ReadySource,
  read: ReadSlice,
): Promise<Reply> => {
  const reply = await load(lists, limit, source)
  if (reply) return reply
  if (isTooLong(lists, limit)) return streamOf(read)
  throw new Problem(unreadable)
}

const isTooLong = (lists: HotLists, limit: Limit): boolean =>
  limit === 'all' && lists.isAllTooLong()

/**
 * The list of all, as fast as the client reads it. Its headers are sent before all of it is read: should
 * a shard that was there go down meanwhile, the answer is cut off rather than passed off as whole.
 */
const streamOf = async (read: ReadSlice): Promise<Reply> => {
  const first = await read({ after: undefined, count: partCount })
  const isMissing = new Set(first.missing)
  let begun: PartialSlice | undefined = first
  const next = async (after: Range['after']) => {
    const slice = begun ?? (await read({ after, count: partCount }))
    begun = undefined // a client may read for minutes
    const other = slice.missing?.find((shard) => !isMissing.has(shard))
    if (other !== undefined) throw new Error(`the shard ${other} does not answer any more`)
    return slice
  }
  const headers = [...listType, ...listCaching, ...missingShards(first.missing)]
  return createStreamed(200, headers, listInParts(next))
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
  // A stream is sent as it is made.
  if (isTooLong(lists, limit)) throw new Problem(notAcceptable)
  for (let tries = 0; !reply && tries < compressTriesMax; tries++) {
    await lists.compressed(limit, acceptEncoding)
    reply = source()
  }
  if (reply) return reply
  throw new Problem(notAcceptable)
}
