// GET /api/shared: the todos that others have shared with you.

import { endpoint } from '../../http/contract/endpoint.ts'
import { nextLink } from '../../http/cursor.ts'
import { pageQuery, rangeOf } from '../../http/paging.ts'
import type { ShareParts } from './parts.ts'
import { orUnavailable, sharesUnavailable } from './problems.ts'
import { sharedPage, shownTodo, tag } from './vocabulary.ts'

const path = '/api/shared'

export const listSharedTodos = ({ shares }: ShareParts) =>
  endpoint({
    method: 'GET',
    path,
    operationId: 'listSharedTodos',
    summary: 'List the todos that are shared with you',
    description: 'Each is read and changed at `/api/todos/{id}`, as its owner does.',
    tag,
    auth: 'bearer',
    limit: 'user',
    query: pageQuery(path),
    responses: [sharedPage],
    problems: [sharesUnavailable],
    async handler({ principal, query }) {
      const page = await orUnavailable(shares.listSharedWith(principal.userId, rangeOf(query)))
      return sharedPage.reply(
        { todos: page.items.map(shownTodo) },
        nextLink(path, query.limit, page.next),
      )
    },
  })
