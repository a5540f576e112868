// The document's schemas as validators, for tests: JSON Schema 2020-12, strictly, formats included.

import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { JsonSchema } from '../../lib/domain/shape.ts'
import type { OpenApi } from '../../server/http/contract/openapi.ts'

/** What is wrong with `value`; empty when nothing is. */
export type Faults = (schema: JsonSchema, value: unknown) => string[]

export const createFaults = (document: OpenApi): Faults => {
  const ajv = new Ajv2020({
    strict: true,
    allowUnionTypes: true,
    allErrors: true,
    strictRequired: false, // `anyOf` of members, declared beside it
  })
  formats.default(ajv)
  const { schemas } = document.components
  // References stay what they are in the document: pointers into it.
  const within = (schema: JsonSchema) => ({ $id: `of:${++count}`, ...rooted(schema) })
  let count = 0
  ajv.addVocabulary(['components'])
  ajv.addSchema({ $id: 'openapi:document', components: { schemas } })
  const compiled = new Map<JsonSchema, ReturnType<typeof ajv.compile>>()
  return (schema, value) => {
    const validate = compiled.get(schema) ?? ajv.compile(within(schema))
    compiled.set(schema, validate)
    return validate(value) ? [] : (validate.errors ?? []).map(textOf)
  }
}

/** The same, its references those of the whole document. */
const rooted = (schema: JsonSchema): object =>
  JSON.parse(
    JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"openapi:document#/'),
  ) as object

const textOf = ({ instancePath, message }: ErrorObject): string =>
  `${instancePath || 'it'} ${message ?? 'is wrong'}`
