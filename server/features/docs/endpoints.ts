// Documentation: what this API is, for programs and for people.

import type { Endpoint } from '../../http/contract/endpoint.ts'
import { documentOf } from '../../http/contract/document.ts'
import type { OpenApi } from '../../http/contract/openapi.ts'
import { about } from './about.ts'
import { getDocs } from './get-docs.ts'
import { getOpenApi } from './get-open-api.ts'

/** `others`: all endpoints but these two, which are in the document as well. */
export const docsEndpoints = (others: readonly Endpoint[], publicUrl: string): Endpoint[] => {
  let made: OpenApi | undefined
  const document = (): OpenApi => (made ??= documentOf([...others, ...own], about))
  const own: readonly Endpoint[] = [getOpenApi(document, publicUrl), getDocs(document)]
  return [...own]
}
