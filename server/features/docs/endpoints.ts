// Documentation: what this API is, for programs and for people.

import type { Endpoint } from '../../http/contract/endpoint.ts'
import { documentOf } from '../../http/contract/document.ts'
import type { OpenApi } from '../../http/contract/openapi.ts'
import { problemCatalogue, type DescribedProblem } from '../../http/contract/problem-catalogue.ts'
import { about } from './about.ts'
import { getIndex, type IndexParts } from './get-index.ts'
import { getDocs } from './get-docs.ts'
import { getOpenApi } from './get-open-api.ts'
import { getProblem } from './get-problem.ts'

/** `others`: all endpoints but these, which are in the document as well. */
export const docsEndpoints = (others: readonly Endpoint[], parts: IndexParts): Endpoint[] => {
  let made: OpenApi | undefined
  let catalogue: DescribedProblem[] | undefined
  const document = (): OpenApi => (made ??= documentOf([...others, ...own], about))
  const problems = (): DescribedProblem[] => (catalogue ??= problemCatalogue([...others, ...own]))
  const own: readonly Endpoint[] = [
    getIndex(parts),
    getOpenApi(document, parts.publicUrl),
    getDocs(document, problems),
    getProblem(problems),
  ]
  return [...own]
}
