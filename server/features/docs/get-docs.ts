// GET /docs: the document as one page for people.

import { string } from '../../../lib/domain/shape.ts'
import { notModified } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import type { OpenApi } from '../../http/contract/openapi.ts'
import { ifNoneMatch } from '../../http/contract/parameters.ts'
import { contentTag } from '../../http/encodings.ts'
import { etag, noCache, type ResponseHeader } from '../../http/response-headers.ts'
import { pageHeaders } from '../../http/security-headers.ts'
import { renderPage, type Page } from './page.ts'
import { publishedReply, tag } from './published.ts'

const constant = (name: string, description: string, value: string): ResponseHeader => ({
  name,
  description,
  schema: { type: 'string', const: value },
  isRequired: true,
})

export const getDocs = (document: () => OpenApi) => {
  let published: (Page & { readonly etag: string }) | undefined
  return endpoint({
    method: 'GET',
    path: '/docs',
    operationId: 'getDocs',
    summary: 'Read the API documentation',
    tag,
    auth: 'none',
    limit: 'read',
    headers: { ifNoneMatch },
    responses: [
      {
        status: 200,
        description: 'The page.',
        headers: [
          etag,
          noCache,
          constant('X-Frame-Options', 'Not to be shown in a frame.', 'DENY'),
          constant('Referrer-Policy', 'Its links do not say where they are from.', 'no-referrer'),
        ],
        content: { mediaType: 'text/html', shape: string(), examples: [] },
      },
      { ...notModified([etag, noCache]), component: 'NotModified' },
    ],
    handler({ headers }) {
      if (!published) {
        const page = renderPage(document())
        published = { ...page, etag: contentTag(page.text) }
      }
      const { text, etag, styleHash } = published
      return publishedReply(headers.ifNoneMatch, pageHeaders(styleHash), etag, text)
    },
  })
}
