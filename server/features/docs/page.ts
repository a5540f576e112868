// The document as one page for people: no script, nothing fetched from anywhere.

import { createHash } from 'node:crypto'
import { html, type Html } from './html.ts'
import type { JsonSchema } from '../../../lib/domain/shape.ts'
import {
  operationsOf,
  type Content,
  type DescribedOperation,
  type OpenApi,
  type Parameter,
  type Response,
} from '../../http/contract/openapi.ts'
import { style } from './style.ts'

export type Page = {
  readonly text: string
  /** Hash of its style, as a Content-Security-Policy names it. */
  readonly styleHash: string
}

// Hashed to the last space, and so not written where it would be laid out.
const styleElement: Html = { html: `<style>${style}</style>` }

export const renderPage = (document: OpenApi): Page => {
  const { info, tags, components } = document
  const operations = operationsOf(document)
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${info.title}</title>
        ${styleElement}
      </head>
      <body>
        <header>
          <h1>${info.title} <small class="dim">${info.version}</small></h1>
          <p>${info.summary}</p>
          ${info.description.split('\n\n').map((one) => html`<p>${prose(one)}</p>`)}
          <p>
            For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI ${document.openapi}).
          </p>
        </header>
        <nav>
          <ul>
            ${operations.map(entry)}
            <li><a href="#schemas">Schemas</a></li>
          </ul>
        </nav>
        <main>
          ${tags.map(
            (tag) => html`
              <h2>${tag.name}</h2>
              <p>${tag.description}</p>
              ${operations.filter(({ operation }) => operation.tags.includes(tag.name)).map(section)}
            `,
          )}
          <h2 id="schemas">Schemas</h2>
          ${Object.entries(components.schemas).map(shape)}
          <h2>Tokens</h2>
          ${Object.values(components.securitySchemes).map(
            (one) => html`<p>${prose(one['description'] ?? '')}</p>`,
          )}
        </main>
      </body>
    </html>`.html
  return {
    text: page,
    styleHash: `sha256-${createHash('sha256').update(style).digest('base64')}`,
  }
}

const title = ({ method, path }: DescribedOperation): Html =>
  html`<span class="method">${method.toUpperCase()}</span> <code>${path}</code>`

const entry = (one: DescribedOperation): Html =>
  html`<li><a href="#${one.operation.operationId}">${title(one)}</a> ${one.operation.summary}</li>`

const section = (one: DescribedOperation): Html => {
  const { operationId, summary, description, security, parameters, requestBody, responses } =
    one.operation
  return html`<section id="${operationId}">
    <h3>${title(one)}</h3>
    <p>${summary}.${security.length > 0 ? ' Needs a token.' : ''}</p>
    ${description ? html`<p>${prose(description)}</p>` : ''}
    ${
      parameters
        ? html`<h4>Parameters</h4>
            <dl>${parameters.map(parameter)}</dl>`
        : ''
    }
    ${
      requestBody
        ? html`<h4>Body</h4>
            <p>${prose(requestBody.description)}</p>
            ${contents(requestBody.content)}`
        : ''
    }
    <h4>Answers</h4>
    <dl>${Object.entries(responses).map(response)}</dl>
  </section>`
}

const parameter = (one: Parameter): Html =>
  html`<dt>
      <code>${one.name}</code>
      <span class="dim">${one.in}${one.required ? ', required' : ''}: ${typeOf(one.schema)}</span>
    </dt>
    <dd>
      <p>${prose(one.description)}</p>
      ${one.example === undefined ? '' : html`<p>Example: <code>${one.example}</code></p>`}
    </dd>`

/** A header of nearly every answer, described once for all. */
const saidAbove = 'X-Request-Id'

const response = ([status, { description, headers = {}, content = {} }]: [string, Response]) =>
  html`<dt><strong>${status}</strong> ${prose(description)}</dt>
    <dd>
      ${Object.entries(headers)
        .filter(([name]) => name !== saidAbove)
        .map(
          ([name, { description, schema }]) =>
            html`<p>
              <code>${name}</code>: ${prose(description)} <span class="dim">${typeOf(schema)}</span>
            </p>`,
        )}
      ${contents(content)}
    </dd>`

const contents = (content: Content): Html[] =>
  Object.entries(content).map(
    ([mediaType, { schema, examples = {} }]) =>
      html`<p><code>${mediaType}</code> <span class="dim">${typeOf(schema)}</span></p>
        ${Object.values(examples).map(({ value }) => html`<pre>${JSON.stringify(value)}</pre>`)}`,
  )

const shape = ([name, schema]: [string, JsonSchema]): Html =>
  html`<section id="schema-${name}">
    <h3>${name}</h3>
    ${schema.description ? html`<p>${prose(schema.description)}</p>` : ''}
    <dl>
      ${Object.entries(schema.properties ?? {}).map(
        ([member, one]) =>
          html`<dt>
              <code>${member}</code>
              <span class="dim">
                ${typeOf(one)}${schema.required?.includes(member) ? ', required' : ''}
              </span>
            </dt>
            <dd>${prose(one.description ?? '')}</dd>`,
      )}
    </dl>
  </section>`

/** A schema in brief. */
const typeOf = (schema: JsonSchema): Html => {
  const { $ref, type, items, additionalProperties, pattern, format } = schema
  if ($ref !== undefined) {
    const name = $ref.slice($ref.lastIndexOf('/') + 1)
    return html`<a href="#schema-${name}">${name}</a>`
  }
  if (items) return html`array of ${typeOf(items)}`
  if (additionalProperties) return html`object of ${typeOf(additionalProperties)}`
  const words = schema.const === undefined ? schema.enum : [schema.const]
  if (words) return html`${words.map((one, i) => html`${i > 0 ? ' or ' : ''}<code>${one}</code>`)}`
  const facts = [
    [type ?? 'any'].flat().join(' or '),
    range(schema.minLength, schema.maxLength, ' characters'),
    range(schema.minimum, schema.maximum, ''),
    format,
  ].filter((one) => one !== undefined && one !== '')
  return html`${facts.join(', ')}${pattern === undefined ? '' : html`, <code>${pattern}</code>`}`
}

const range = (min: number | undefined, max: number | undefined, unit: string): string => {
  if (min !== undefined && max !== undefined) return `${min} to ${max}${unit}`
  if (min !== undefined) return `at least ${min}${unit}`
  return max === undefined ? '' : `at most ${max}${unit}`
}

/** Text in which backticks mark code. */
const prose = (text: string): Html[] =>
  text.split('`').map((part, i) => (i % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))
