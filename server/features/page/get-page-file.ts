// GET /app/…: a file that the page needs, or the page itself, for its views have addresses of their own.

import { string } from '../../../lib/domain/shape.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { Problem, type ProblemKind } from '../../http/problem.ts'
import { indexName, mediaTypesServed } from './built-page.ts'
import { isFileName, workerScope } from './headers.ts'
import { pagePath } from './open.ts'
import {
  fileHeaders,
  headers,
  notModified,
  problems,
  replyOf,
  tag,
  type PageParts,
} from './vocabulary.ts'

const noSuchFile: ProblemKind = {
  type: {
    slug: 'no-such-page-file',
    status: 404,
    when: 'The page that this server has needs no such file: that of another release may.',
    remedy: 'Load the page again.',
  },
  detail: 'the page has no such file',
}

const [html, ...others] = mediaTypesServed.map((mediaType) => ({
  mediaType,
  shape: string(),
  examples: [],
}))

export const getPageFile = (parts: PageParts) =>
  endpoint({
    method: 'GET',
    path: `${pagePath}/:path*`,
    operationId: 'getPageFile',
    summary: 'Get a file of the page',
    description:
      'Any path that names no file, below `assets/` or with an ending, is one of a view: the answer is the page.',
    tag,
    auth: 'none',
    limit: 'list',
    takesAnyQuery: true,
    params: {
      path: {
        shape: string(),
        description: 'A file, or a view of the page. It may have slashes.',
        example: 'todos',
      },
    },
    headers,
    responses: [
      {
        status: 200,
        description: 'The file, or the page.',
        isReady: true,
        headers: [...fileHeaders, workerScope],
        ...(html && { content: html }),
        others,
      },
      notModified,
    ],
    problems: [noSuchFile, ...problems],
    async handler({ params: { path }, headers }) {
      const file = await replyOf(parts, path, headers)
      if (file !== 'unknown') return file
      const page = isFileName(path) ? file : await replyOf(parts, indexName, headers)
      if (page === 'unknown') throw new Problem(noSuchFile)
      return page
    },
  })
