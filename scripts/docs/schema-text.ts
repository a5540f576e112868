// Schemas in words: in brief where one is used, and member by member where it is described.

import type { JsonSchema } from '../../lib/domain/shape.ts'
import { bullets, code, linkTo, prose } from './markdown.ts'

/** Longer patterns, and code points by number, explain nothing to people: the document has them. */
const patternLengthMax = 40
const isReadable = (pattern: string): boolean =>
  pattern.length <= patternLengthMax && !pattern.includes('\\u')

export const schemaSection = (name: string, schema: JsonSchema): string =>
  [
    `### ${headingOf(name)}`,
    ...(schema.description ? [prose(schema.description)] : []),
    bullets(
      Object.entries(schema.properties ?? {}).map(([member, one]) => {
        const isRequired = schema.required?.includes(member) ?? false
        const about = one.description ? `. ${prose(one.description)}` : ''
        return `${code(member)}: ${typeText(one)}${isRequired ? ', required' : ''}${about}`
      }),
    ),
  ].join('\n\n')

/** Operations and chapters may be called the same. */
const headingOf = (name: string): string => `Schema ${name}`

/** A schema in brief. */
export const typeText = (schema: JsonSchema): string => {
  const { $ref, type, items, additionalProperties, pattern, format } = schema
  if ($ref !== undefined) {
    const name = $ref.slice($ref.lastIndexOf('/') + 1)
    return linkTo(headingOf(name), '', name)
  }
  if (items) return `array of ${typeText(items)}`
  if (additionalProperties) return `object of ${typeText(additionalProperties)}`
  const words = schema.const === undefined ? schema.enum : [schema.const]
  if (words) return words.map(code).join(' or ')
  return [
    [type ?? 'any'].flat().join(' or '),
    range(schema.minLength, schema.maxLength, ' characters'),
    range(schema.minimum, schema.maximum, ''),
    format ?? '',
    pattern !== undefined && isReadable(pattern) ? code(pattern) : '',
  ]
    .filter((one) => one !== '')
    .join(', ')
}

export const range = (min: number | undefined, max: number | undefined, unit: string): string => {
  if (min !== undefined && max !== undefined) return `${min} to ${max}${unit}`
  if (min !== undefined) return `at least ${min}${unit}`
  return max === undefined ? '' : `at most ${max}${unit}`
}
