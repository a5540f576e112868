// GET /: where to go on. A browser is sent to the page, or to the documentation where there is none; a
// program gets JSON. A browser at the root found a 404.

import { named, object, string } from '../../../lib/domain/shape.ts'
import { answer, notModified, type Described } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { contentTag } from '../../http/encodings.ts'
import { createReply } from '../../http/engines/engine.ts'
import { ifNoneMatch } from '../../http/contract/parameters.ts'
import { prefersHtml } from '../../http/prefers-html.ts'
import { etag, noCache, vary } from '../../http/response-headers.ts'
import { inert, jsonHeaders } from '../../http/security-headers.ts'
import { about } from './about.ts'
import { publishedReply, tag } from './published.ts'

const index = named(
  'Index',
  object({
    name: string(),
    version: string(),
    summary: string(),
    documentation: string(),
    openapi: string(),
    health: string(),
    todos: string(),
  }),
)

const places = { page: '/app', documentation: '/docs' } as const

const elsewhere: Described = {
  status: 302,
  description: 'Where `Accept` prefers `text/html`: to the page, or to the documentation.',
  headers: [
    noCache,
    vary,
    {
      name: 'Location',
      component: 'Location-of-a-page',
      description: 'The page, where it was built.',
      schema: { type: 'string', enum: Object.values(places) },
      isRequired: true,
    },
  ],
}

/** Not to be remembered: the page may be built later. */
const redirectTo = (location: string) =>
  createReply(
    302,
    ['Location', location, 'Cache-Control', 'no-cache', 'Vary', 'Accept', ...inert],
    '',
  )

export type IndexParts = {
  /** Where clients reach it; empty when that is not known. */
  readonly publicUrl: string
  readonly page: { isBuilt(): Promise<boolean> }
}

export const getIndex = ({ publicUrl, page }: IndexParts) => {
  const value = {
    name: about.title,
    version: about.version,
    summary: about.summary,
    documentation: `${publicUrl}/docs`,
    openapi: `${publicUrl}/openapi.json`,
    health: `${publicUrl}/health`,
    todos: `${publicUrl}/todos?limit=10`,
  }
  const text = JSON.stringify(value)
  const tagOfText = contentTag(text)
  return endpoint({
    method: 'GET',
    path: '/',
    operationId: 'getIndex',
    summary: 'Find the page, or the documentation',
    description: 'A redirect where `Accept` prefers `text/html`, as browsers do; JSON otherwise.',
    tag,
    auth: 'none',
    limit: 'read',
    headers: { ifNoneMatch },
    responses: [
      answer({
        status: 200,
        description: 'What this is, and where to go on.',
        headers: [etag, noCache, vary],
        body: index,
        examples: [value],
      }),
      elsewhere,
      notModified([etag, noCache, vary]),
    ],
    async handler({ request, headers }) {
      if (prefersHtml(request.header('accept')))
        return redirectTo((await page.isBuilt()) ? places.page : places.documentation)
      return publishedReply(headers.ifNoneMatch, jsonHeaders, tagOfText, text, ['Vary', 'Accept'])
    },
  })
}
