// Schemas on the page: in brief where one is meant, and member by member where it is described.

import type { JsonSchema } from '../../../lib/domain/shape.ts'
import { html, type Html } from './html.ts'
import { prose } from './layout.ts'

export const schemaSection = ([name, schema]: [string, JsonSchema]): Html =>
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
export const typeOf = (schema: JsonSchema): Html => {
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
