// The document as one page for people: no script, nothing fetched from anywhere. Its links to other
// pages are relative, so they hold behind a proxy that serves the API below a path of its own.

import {
  operationsOf,
  type DescribedOperation,
  type Header,
  type OpenApi,
} from '../../http/contract/openapi.ts'
import type { DescribedProblem } from '../../http/contract/problem-catalogue.ts'
import { typeUrl } from '../../http/problem.ts'
import { html, type Html } from './html.ts'
import { block, layout, prose } from './layout.ts'
import {
  headerId,
  operationSection,
  operationTitle,
  problemLink,
  problemTypesOf,
} from './operation.ts'
import { schemaSection, typeOf } from './schemas.ts'

export const renderPage = (document: OpenApi, problems: readonly DescribedProblem[]): string => {
  const { info, components } = document
  const operations = operationsOf(document)
  const [first, ...others] = operations.map(problemTypesOf)
  const common = new Set([...(first ?? [])].filter((one) => others.every((all) => all.has(one))))
  const groups = document.tags.map((tag) => ({
    ...tag,
    id: `group-${tag.name.toLowerCase().replaceAll(' ', '-')}`,
    operations: operations.filter(({ operation }) => operation.tags.includes(tag.name)),
  }))
  return layout(
    info.title,
    html`<nav aria-label="Contents">
        <ul>
          <li><a href="#try">Try it</a></li>
          ${groups.map(
            ({ id, name, operations }) =>
              html`<li>
                <a href="#${id}">${name}</a>
                <ul>
                  ${operations.map(entry)}
                </ul>
              </li>`,
          )}
          ${[...reference].map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}
        </ul>
      </nav>
      <main>
        <header>
          <h1>${info.title} <small class="dim">${info.version}</small></h1>
          <p>${info.summary}</p>
          <p>
            For programs: <a href="openapi.json">openapi.json</a> (OpenAPI ${document.openapi}).
            Clients, types and collections can be made from it.
          </p>
        </header>
        ${section(
          'try',
          'Try it',
          html`<p>
              The commands on this page use two variables. <code>npm start</code> prints values for
              both; a <a href="#login">login</a> gives a token, too.
            </p>
            ${block('export URL=http://localhost:8080\nexport TOKEN=…')}`,
        )}
        ${section(
          'conventions',
          'Conventions',
          html`${info.description.split('\n\n').map((one) => html`<p>${prose(one)}</p>`)}`,
        )}
        ${groups.map(({ id, name, description, operations }) =>
          section(
            id,
            name,
            html`<p>${prose(description)}</p>
              <ul class="contents">
                ${operations.map(line)}
              </ul>
              ${operations.map((one) => operationSection(one, common))}`,
          ),
        )}
        ${section('problems', 'Problems', problemsList(problems, common))}
        ${section('headers', 'Headers of answers', headersList(operations))}
        ${section('schemas', 'Schemas', html`${Object.entries(components.schemas).map(schemaSection)}`)}
        ${section(
          'tokens',
          'Tokens',
          html`${Object.values(components.securitySchemes).map(
            (one) => html`<p>${prose(one['description'] ?? '')}</p>`,
          )}`,
        )}
      </main>`,
  )
}

/** What stands after the groups. */
const reference = new Map([
  ['problems', 'Problems'],
  ['headers', 'Headers of answers'],
  ['schemas', 'Schemas'],
  ['tokens', 'Tokens'],
])

const section = (id: string, name: string, content: Html): Html =>
  html`<section class="part" id="${id}">
    <h2><a class="self" href="#${id}">${name}</a></h2>
    ${content}
  </section>`

const entry = (one: DescribedOperation): Html =>
  html`<li><a href="#${one.operation.operationId}">${operationTitle(one)}</a></li>`

const line = (one: DescribedOperation): Html =>
  html`<li>
    <a href="#${one.operation.operationId}">${operationTitle(one)}</a>
    <span>${one.operation.summary}</span>
  </li>`

const problemsList = (problems: readonly DescribedProblem[], common: ReadonlySet<string>): Html =>
  html`<p>
      An error is <code>application/problem+json</code> (RFC 9457). Its <code>type</code> names what
      went wrong and never changes: compare it, and show <code>detail</code> to people. It is the
      path of a page on this server, which says what to do.
    </p>
    <p>Every operation may answer these, which are not repeated at each:</p>
    <p class="problems" id="problems-of-all">${[...common].map(problemLink)}</p>
    <dl>
      ${problems.map(
        ({ type }) =>
          html`<dt>${problemLink(`${type.status} ${typeUrl(type)}`)}</dt>
            <dd>${prose(type.when)}</dd>`,
      )}
    </dl>`

/** Each once; several forms of one share a name. */
const headersList = (operations: readonly DescribedOperation[]): Html => {
  const byName = new Map<string, Map<string, Header>>()
  for (const { operation } of operations) {
    for (const { headers = {} } of Object.values(operation.responses)) {
      for (const [name, header] of Object.entries(headers)) {
        const forms = byName.get(name) ?? new Map<string, Header>()
        byName.set(name, forms.set(header.description, header))
      }
    }
  }
  return html`<dl>
    ${[...byName]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([name, forms]) =>
          html`<dt id="${headerId(name)}"><code>${name}</code></dt>
            <dd>
              ${[...forms.values()].map(
                ({ description, schema }) =>
                  html`<p>${prose(description)} <span class="dim">${typeOf(schema)}</span></p>`,
              )}
            </dd>`,
      )}
  </dl>`
}
