// GET /docs: the document as one page for people.

import { notModified } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import type { OpenApi } from '../../http/contract/openapi.ts'
import { ifNoneMatch } from '../../http/contract/parameters.ts'
import type { DescribedProblem } from '../../http/contract/problem-catalogue.ts'
import { etag, noCache } from '../../http/response-headers.ts'
import { renderPage } from './page.ts'
import { createPage, pageAnswer, tag, type Page } from './published.ts'

export const getDocs = (document: () => OpenApi, problems: () => readonly DescribedProblem[]) => {
  let published: Page | undefined
  return endpoint({
    method: 'GET',
    path: '/docs',
    operationId: 'getDocs',
    summary: 'Read the API documentation',
    tag,
    auth: 'none',
    limit: 'read',
    headers: { ifNoneMatch },
    responses: [pageAnswer, { ...notModified([etag, noCache]), component: 'NotModified' }],
    handler({ headers }) {
      published ??= createPage(renderPage(document(), problems()))
      return published(headers.ifNoneMatch)
    },
  })
}
