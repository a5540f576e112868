// GET /: what this is and where to go on, a page for people and JSON for programs. A browser at the
// root found a 404.

import { named, object, string } from '../../../lib/domain/shape.ts'
import { answer, notModified } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { contentTag } from '../../http/encodings.ts'
import { ifNoneMatch } from '../../http/contract/parameters.ts'
import { prefersHtml } from '../../http/prefers-html.ts'
import { etag, noCache, vary, type ResponseHeader } from '../../http/response-headers.ts'
import { jsonHeaders, pageHeaders } from '../../http/security-headers.ts'
import { about } from './about.ts'
import { html } from './html.ts'
import { layout, styleHash } from './layout.ts'
import { pageConstants, publishedReply, tag } from './published.ts'

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

/** The JSON has none of them. */
const ofThePage: readonly ResponseHeader[] = pageConstants.map(([name, description, value]) => ({
  name,
  component: `${name}-of-a-page`,
  description: `Of the page: ${description}`,
  schema: { type: 'string', const: value },
  isRequired: false,
}))

/** `publicUrl`: where clients reach it; empty when that is not known. */
export const getIndex = (publicUrl: string) => {
  const links = {
    documentation: `${publicUrl}/docs`,
    openapi: `${publicUrl}/openapi.json`,
    health: `${publicUrl}/health`,
    todos: `${publicUrl}/todos?limit=10`,
  }
  const value = { name: about.title, version: about.version, summary: about.summary, ...links }
  const page = renderIndex(links)
  const published = (headers: readonly string[], text: string) => {
    return { headers, text, etag: contentTag(text) }
  }
  const forPeople = published(pageHeaders(styleHash), page)
  const forPrograms = published(jsonHeaders, JSON.stringify(value))
  const found = answer({
    status: 200,
    description: 'What this is, and where to go on.',
    headers: [etag, noCache, vary, ...ofThePage],
    body: index,
    examples: [value],
  })
  return endpoint({
    method: 'GET',
    path: '/',
    operationId: 'getIndex',
    summary: 'Find the documentation',
    description: 'A page where `Accept` prefers `text/html`, as browsers do; JSON otherwise.',
    tag,
    auth: 'none',
    limit: 'read',
    headers: { ifNoneMatch },
    responses: [
      { ...found, others: [{ mediaType: 'text/html', shape: string(), examples: [] }] },
      notModified([etag, noCache, vary]),
    ],
    handler({ request, headers }) {
      const {
        text,
        etag,
        headers: ownHeaders,
      } = prefersHtml(request.header('accept')) ? forPeople : forPrograms
      return publishedReply(headers.ifNoneMatch, ownHeaders, etag, text, ['Vary', 'Accept'])
    },
  })
}

type Links = Readonly<Record<'documentation' | 'openapi' | 'health' | 'todos', string>>

const renderIndex = ({ documentation, openapi, health, todos }: Links): string =>
  layout(
    about.title,
    html`<h1>${about.title} <small class="dim">${about.version}</small></h1>
      <p>${about.summary}</p>
      <ul>
        <li><a href="${documentation}">Documentation</a>: every request, with examples</li>
        <li><a href="${todos}">The ten newest todos</a>, as JSON</li>
        <li><a href="${openapi}">openapi.json</a>, for programs that make clients</li>
        <li><a href="${health}">Health</a> of this process</li>
      </ul>`,
  )
