// GET /app: the page. Reached only when no reply is ready: for HEAD, with a query, before it was read.

import { string } from '../../../lib/domain/shape.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { Problem } from '../../http/problem.ts'
import { indexName } from './built-page.ts'
import { pagePath } from './open.ts'
import {
  fileHeaders,
  headers,
  notBuilt,
  notModified,
  problems,
  replyOf,
  tag,
  type PageParts,
} from './vocabulary.ts'

export const getPage = (parts: PageParts) =>
  endpoint({
    method: 'GET',
    path: pagePath,
    operationId: 'getPage',
    summary: 'Open the page',
    tag,
    auth: 'none',
    limit: 'list',
    takesAnyQuery: true,
    headers,
    responses: [
      {
        status: 200,
        description: 'The page.',
        isReady: true,
        headers: fileHeaders,
        content: { mediaType: 'text/html', shape: string(), examples: [] },
      },
      notModified,
    ],
    problems,
    async handler({ headers }) {
      const reply = await replyOf(parts, indexName, headers)
      if (reply === 'unknown') throw new Problem(notBuilt)
      return reply
    },
  })
