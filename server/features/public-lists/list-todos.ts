// GET /todos and GET /todos?limit=N. Reached only when no reply is ready: an odd query, a list that
// is not held yet, HEAD.

import { newestCount } from '../../../lib/domain/list.ts'
import type { ReadySource, Reply } from '../../http/engines/engine.ts'
import type { HotLists, Limit } from './hot-list.ts'
import { Problem, unavailable } from '../../http/problem.ts'
import type { Handler } from '../../http/router.ts'

export const listTodos =
  (lists: HotLists): Handler =>
  (request) => {
    const limit = parseLimit(request.query)
    const source = lists.source(
      limit,
      request.header('accept-encoding'),
      request.header('if-none-match'),
    )
    const reply = source()
    if (!reply) return loaded(lists, limit, source)
    lists.counts.handled.hits++
    return reply
  }

const loaded = async (lists: HotLists, limit: Limit, source: ReadySource): Promise<Reply> => {
  lists.counts.handled.misses++
  try {
    await lists.load(limit)
    const reply = source()
    if (reply) return reply
  } catch (error) {
    throw unavailable("the list can't be read now", { cause: error })
  }
  throw unavailable("the list can't be read now")
}

const parseLimit = (query: string): Limit => {
  const [text, ...others] = new URLSearchParams(query).getAll('limit')
  if (text === undefined) return 'all'
  const limit = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : NaN
  if (others.length > 0 || !(limit <= newestCount)) {
    throw new Problem(400, `limit must be one whole number from 1 to ${newestCount}`, {
      field: 'limit',
    })
  }
  return limit
}
