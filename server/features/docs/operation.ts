// One operation on the page: what it takes, a command to try it, what it answers and how it refuses.

import {
  takesToken,
  type Content,
  type DescribedOperation,
  type Parameter,
  type Response,
} from '../../http/contract/openapi.ts'
import { curlOf } from './curl.ts'
import { html, type Html } from './html.ts'
import { block, json, prose } from './layout.ts'
import { typeOf } from './schemas.ts'

export const operationTitle = ({ method, path }: DescribedOperation): Html =>
  html`<span class="method ${method}">${method.toUpperCase()}</span> <code>${path}</code>`

/** `common`: the types of problems that every operation has, which are listed once for all. */
export const operationSection = (one: DescribedOperation, common: ReadonlySet<string>): Html => {
  const { operationId, summary, description, parameters, requestBody, responses } = one.operation
  const status = one.operation.deprecated ? 'Deprecated: its answers say until when. ' : ''
  const own = [...problemTypesOf(one)].filter((type) => !common.has(type))
  return html`<section id="${operationId}">
    <h3><a class="self" href="#${operationId}">${operationTitle(one)}</a></h3>
    <p>
      ${status}${summary}.
      ${takesToken(one.operation) ? html`Needs <a href="#tokens">a token</a>.` : ''}
    </p>
    ${description ? html`<p>${prose(description)}</p>` : ''} ${block(curlOf(one))}
    ${
      parameters
        ? html`<h4>Parameters</h4>
            <dl>${parameters.map(parameter)}</dl>`
        : ''
    }
    ${
      requestBody
        ? html`<h4>Body</h4>
            <p>${prose(requestBody.description)}${requestBody.required ? '' : ' Optional.'}</p>
            ${contents(requestBody.content, 1)}`
        : ''
    }
    <h4>Answers</h4>
    <dl>
      ${Object.entries(responses)
        .filter(([, { content = {} }]) => !(problemJson in content))
        .map(answer)}
      ${
        own.length > 0
          ? html`<dt>Problems</dt>
              <dd class="problems">${own.map(problemLink)}</dd>`
          : ''
      }
    </dl>
  </section>`
}

const problemJson = 'application/problem+json'

/** The `type` of each problem that an operation describes, with its status in front. */
export const problemTypesOf = ({ operation }: DescribedOperation): Set<string> =>
  new Set(
    Object.entries(operation.responses).flatMap(([status, { content = {} }]) =>
      Object.values(content[problemJson]?.examples ?? {}).map(
        ({ value }) => `${status} ${(value as { readonly type: string }).type}`,
      ),
    ),
  )

export const problemLink = (one: string): Html => {
  const [status = '', type = ''] = one.split(' ')
  return html`<a href="${type.slice(1)}"
    ><strong>${status}</strong> ${type.slice(type.lastIndexOf('/') + 1)}</a
  > `
}

export const headerId = (name: string): string => `header-${name.toLowerCase()}`

const parameter = (one: Parameter): Html =>
  html`<dt>
      <code>${one.name}</code>
      <span class="dim">${one.in}${one.required ? ', required' : ''}: ${typeOf(one.schema)}</span>
    </dt>
    <dd>
      <p>${prose(one.description)} Example: <code>${one.example}</code></p>
    </dd>`

const answer = ([status, { description, headers = {}, content = {} }]: [string, Response]) =>
  html`<dt><strong>${status}</strong> ${prose(description)}</dt>
    <dd>
      ${contents(content)}
      <p class="dim">
        Headers:
        ${Object.keys(headers).map(
          (name, i) => html`${i > 0 ? ', ' : ''}<a href="#${headerId(name)}">${name}</a>`,
        )}
      </p>
    </dd>`

/** `shown`: examples that the command above has already. */
const contents = (content: Content, shown = 0): Html[] =>
  Object.entries(content).map(
    ([mediaType, { schema, examples = {} }]) =>
      html`<p><code>${mediaType}</code> <span class="dim">${typeOf(schema)}</span></p>
        ${Object.values(examples)
          .slice(shown)
          .map(({ value }) => json(value))}`,
  )
