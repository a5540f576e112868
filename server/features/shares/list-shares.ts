// GET /api/todos/:id/shares: whom a todo of yours is shared with.

import { endpoint } from '../../http/contract/endpoint.ts'
import { nextLink } from '../../http/cursor.ts'
import { pageQuery, rangeOf } from '../../http/paging.ts'
import type { ShareParts } from './parts.ts'
import { shareProblems, valueOf } from './problems.ts'
import { id, sharePage, shownShare, tag } from './vocabulary.ts'

const path = '/api/todos/:id/shares'

export const listShares = ({ shares }: ShareParts) =>
  endpoint({
    method: 'GET',
    path,
    operationId: 'listShares',
    summary: 'List whom a personal todo of your own is shared with',
    tag,
    auth: 'bearer',
    limit: 'user',
    params: { id },
    query: pageQuery(path),
    responses: [sharePage],
    problems: shareProblems,
    async handler({ principal, params, query }) {
      const page = await valueOf(shares.list(principal.userId, params.id, rangeOf(query)))
      return sharePage.reply(
        { shares: page.items.map(shownShare) },
        nextLink(`/api/todos/${params.id}/shares`, query.limit, page.next, path),
      )
    },
  })
