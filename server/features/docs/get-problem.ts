// GET /docs/problems/:id: what a type of problem means. Its address is the `type` of each answer.

import { string } from '../../../lib/domain/shape.ts'
import { notModified } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { ifNoneMatch } from '../../http/contract/parameters.ts'
import type { DescribedProblem } from '../../http/contract/problem-catalogue.ts'
import { Problem, problemsPath } from '../../http/problem.ts'
import { nothingAt } from '../../http/problems.ts'
import { etag, noCache } from '../../http/response-headers.ts'
import { renderProblem } from './problem-page.ts'
import { createPage, pageAnswer, tag, type Page } from './published.ts'

export const getProblem = (problems: () => readonly DescribedProblem[]) => {
  let published: ReadonlyMap<string, Page> | undefined
  return endpoint({
    method: 'GET',
    path: `${problemsPath}/:id`,
    operationId: 'getProblem',
    summary: 'Read what a type of problem means',
    tag,
    auth: 'none',
    limit: 'read',
    params: {
      id: {
        shape: string(),
        description: 'The last part of the `type` of a problem.',
        example: 'no-such-todo',
      },
    },
    headers: { ifNoneMatch },
    responses: [pageAnswer, { ...notModified([etag, noCache]), component: 'NotModified' }],
    problems: [nothingAt(`${problemsPath}/none`)],
    handler({ request, params: { id }, headers }) {
      published ??= new Map(
        problems().map((one) => [one.type.slug, createPage(renderProblem(one))]),
      )
      const page = published.get(id)
      if (!page) throw new Problem(nothingAt(request.path))
      return page(headers.ifNoneMatch)
    },
  })
}
