// web/src/api/operations.ts: the API as types, for the page's client. Printed from the endpoints, so that the
// page does not compile against an API that is no more. Types alone: a browser loads nothing of it.

import type { JsonSchema } from '../../lib/domain/shape.ts'
import type { DescribedOperation } from '../../server/http/contract/openapi.ts'
import { document, operations } from './endpoints.ts'

export const webClient = (): string =>
  [
    '// What the API takes and answers, as types.',
    '// Printed from the code by `npm run docs:print`. Edits here are lost.',
    '',
    ...Object.entries(document.components.schemas).map(
      ([name, schema]) => `export type ${name} = ${typeOf(schema)}`,
    ),
    '',
    'export type Operations = {',
    ...operations.map(operationText),
    '}',
    '',
  ].join('\n')

const operationText = ({ method, path, operation }: DescribedOperation): string => {
  const parameters = (where: 'path' | 'query') =>
    (operation.parameters ?? [])
      .filter((one) => one.in === where)
      .map((one) => memberText(one.name, one.schema, one.required === true))
  const [body] = Object.values(operation.requestBody?.content ?? {})
  const answers = Object.entries(operation.responses)
    .filter(([status]) => status.startsWith('2'))
    .map(([, { content }]) => content?.['application/json'])
    .map((media) => (media ? typeOf(media.schema) : 'undefined'))
  return [
    `  '${method.toUpperCase()} ${path}': {`,
    `    path: ${objectText(parameters('path'))}`,
    `    query: ${objectText(parameters('query'))}`,
    `    body: ${body ? typeOf(body.schema) : 'undefined'}`,
    `    answer: ${[...new Set(answers)].join(' | ') || 'undefined'}`,
    '  }',
  ].join('\n')
}

const memberText = (name: string, schema: JsonSchema, isRequired: boolean): string =>
  `${/^\w+$/.test(name) ? name : JSON.stringify(name)}${isRequired ? '' : '?'}: ${typeOf(schema)}`

const objectText = (members: readonly string[]): string =>
  members.length === 0 ? 'object' : `{ ${members.join('; ')} }`

const typeOf = (schema: JsonSchema): string => {
  const { $ref, const: only, enum: some, anyOf } = schema
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf('/') + 1)
  if (only !== undefined) return JSON.stringify(only)
  if (some) return some.map((one) => JSON.stringify(one)).join(' | ')
  // Those of an object may say only which of its members are required.
  if (anyOf && schema.type === undefined) return anyOf.map(typeOf).join(' | ')
  return [schema.type ?? 'object']
    .flat()
    .map((name) => plainType(name, schema))
    .join(' | ')
}

const plainType = (name: string, schema: JsonSchema): string => {
  switch (name) {
    case 'integer':
    case 'number':
      return 'number'
    case 'array':
      return schema.items ? `(${typeOf(schema.items)})[]` : 'unknown[]'
    case 'object':
      return objectType(schema)
    default:
      return name // string, boolean, null
  }
}

const objectType = ({ properties, required, additionalProperties }: JsonSchema): string => {
  if (properties) {
    const members = Object.entries(properties).map(([name, schema]) =>
      memberText(name, schema, required?.includes(name) ?? false),
    )
    return objectText(members)
  }
  return `Record<string, ${additionalProperties ? typeOf(additionalProperties) : 'unknown'}>`
}
