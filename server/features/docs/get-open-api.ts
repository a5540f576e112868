// GET /openapi.json: this API as an OpenAPI document, for programs.

import { shape } from '../../../lib/domain/shape.ts'
import { notModified } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import type { OpenApi } from '../../http/contract/openapi.ts'
import { ifNoneMatch } from '../../http/contract/parameters.ts'
import { etag, noCache } from '../../http/response-headers.ts'
import { jsonHeaders } from '../../http/security-headers.ts'
import { etagOf, publishedReply, tag } from './published.ts'

export const getOpenApi = (document: () => OpenApi) => {
  let published: { readonly text: string; readonly etag: string } | undefined
  return endpoint({
    method: 'GET',
    path: '/openapi.json',
    operationId: 'getOpenApi',
    summary: 'Get this document, for programs',
    tag,
    auth: 'none',
    limit: 'read',
    headers: { ifNoneMatch },
    responses: [
      {
        status: 200,
        description: 'The document.',
        headers: [etag, noCache],
        content: { mediaType: 'application/json', shape: anyObject, examples: [] },
      },
      { ...notModified([etag, noCache]), component: 'NotModified' },
    ],
    handler({ headers }) {
      if (!published) {
        const text = JSON.stringify(document())
        published = { text, etag: etagOf(text) }
      }
      return publishedReply(headers.ifNoneMatch, jsonHeaders, published.etag, published.text)
    },
  })
}

const anyObject = shape({ type: 'object' }, (value) => value)
