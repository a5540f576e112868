// What holds proto/ and the HTTP API to each other: for one RPC, each way in which it is not the same as
// its endpoint. Pure.

import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf'
import type { JsonSchema, Shape } from '../lib/domain/shape.ts'
import { optionOf, type Binding } from '../server/grpc/contract.ts'
import { versionPrefix, type Endpoint } from '../server/http/contract/endpoint.ts'
import { contract } from './grpc.ts'

/** Fields that are not as HTTP has them, by message and name, each with its reason. */
export type Differences = Readonly<Record<string, string>>

/** One line each. */
export const differencesOf = (
  binding: Binding,
  endpoint: Endpoint,
  known: Differences,
): readonly string[] =>
  [
    ...requestFaults(binding, endpoint),
    ...answerFaults(binding, endpoint),
    ...problemFaults(binding, endpoint),
  ].filter((line) => !Object.keys(known).some((field) => line.startsWith(`${field}: `)))

export const pathOf = ({ path }: Pick<Endpoint, 'path'>): string =>
  versionPrefix + path.replaceAll(/:(\w+)/g, (_, name: string) => `{${snakeCase(name)}}`)

const snakeCase = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

// Requests.

type Input = {
  readonly schema: JsonSchema
  readonly isRequired: boolean
  readonly header?: string
}

const requestFaults = ({ rpc }: Binding, endpoint: Endpoint): string[] => {
  const inputs = inputsOf(endpoint)
  const fields = rpc.input.fields
  const missing = [...inputs.keys()].filter(
    (name) => !rpc.input.fields.some((f) => f.name === name),
  )
  return [
    ...missing.map((name) => `${rpc.input.name}.${name}: it is missing`),
    ...fields.flatMap((field) => inputFaults(rpc.input, field, inputs.get(field.name))),
  ]
}

/** What HTTP has for its caches and its bodies alone. */
const ofHttpAlone = ['If-None-Match', 'Accept-Encoding']

const inputsOf = ({ params, query, headers, body }: Endpoint): ReadonlyMap<string, Input> => {
  const inputs = new Map<string, Input>()
  for (const [name, { shape }] of [...Object.entries(params), ...Object.entries(query)])
    inputs.set(snakeCase(name), { schema: shape.schema, isRequired: isRequired(shape) })
  for (const { name, shape } of Object.values(headers)) {
    if (ofHttpAlone.includes(name)) continue
    inputs.set(name.toLowerCase().replaceAll('-', '_'), {
      schema: shape.schema,
      isRequired: isRequired(shape),
      header: name,
    })
  }
  if (body) {
    const { properties = {}, required = [] } = resolved(body.shape.schema, body.shape)
    for (const [name, schema] of Object.entries(properties))
      inputs.set(name, {
        schema: resolved(schema, body.shape),
        isRequired: required.includes(name),
      })
  }
  return inputs
}

const isRequired = ({ parse }: Shape<unknown>): boolean => {
  try {
    parse(undefined, '')
    return false
  } catch {
    return true
  }
}

const inputFaults = (
  message: DescMessage,
  field: DescField,
  input: Input | undefined,
): string[] => {
  const at = `${message.name}.${field.name}`
  if (!input) return [`${at}: HTTP has nothing like it`]
  const header = optionOf(contract.registry, field, 'todos.v1.header')
  const bounds = optionOf(contract.registry, field, 'todos.v1.bounds')
  return [
    ...typeFaults(at, field, input.schema),
    ...unequal(`${at}: its header`, header, input.header),
    ...unequal(`${at}: its bounds`, bounds ?? {}, boundsOf(input.schema)),
    // What HTTP may be without has presence here.
    ...unequal(`${at}: optional`, field.proto.proto3Optional, !input.isRequired),
  ]
}

const boundsOf = ({ minLength, maxLength, pattern, minimum, maximum }: JsonSchema): object =>
  JSON.parse(
    JSON.stringify({
      min_length: minLength,
      max_length: maxLength,
      // A text of protobuf has no lone surrogates, and these patterns are there to refuse them.
      pattern: pattern?.includes('\\ud800') ? undefined : pattern,
      minimum,
      maximum,
    }),
  ) as object

// Answers.

const answerFaults = ({ rpc, responseBody, responseHeaders }: Binding, endpoint: Endpoint) => {
  const { output } = rpc
  const faults: string[] = []
  const seen = new Set(responseHeaders.values())
  for (const { status, content } of endpoint.responses) {
    if (!content || status === 503) continue
    const { shape } = content
    const schema = resolved(shape.schema, shape)
    const name = status === 202 && output.field['accepted'] ? 'accepted' : responseBody
    if (name === undefined) {
      faults.push(...messageFaults(output, schema, shape, seen))
      output.fields.forEach((field) => seen.add(field.name))
    } else {
      seen.add(name)
      const field = output.fields.find((one) => one.name === name)
      if (!field) faults.push(`${output.name}.${name}: it is missing`)
      else faults.push(...valueFaults(`${output.name}.${name}`, field, schema, shape))
    }
  }
  const headers = new Set(endpoint.responses.flatMap((one) => one.headers ?? []).map((h) => h.name))
  for (const header of ['ETag', 'Location', 'Link'])
    faults.push(
      ...unequal(
        `${output.name}: has ${header}`,
        responseHeaders.has(header.toLowerCase()),
        headers.has(header),
      ),
    )
  return [
    ...faults,
    ...output.fields
      .filter((field) => !seen.has(field.name))
      .map((field) => `${output.name}.${field.name}: HTTP has nothing like it`),
  ]
}

const messageFaults = (
  message: DescMessage,
  { properties = {}, required = [] }: JsonSchema,
  shape: Shape<unknown>,
  others: ReadonlySet<string> = new Set(),
): string[] => [
  ...Object.keys(properties)
    .filter((name) => !message.fields.some((field) => field.name === name))
    .map((name) => `${message.name}.${name}: it is missing`),
  ...message.fields
    .filter(({ name }) => !others.has(name))
    .flatMap((field) => {
      const at = `${message.name}.${field.name}`
      const schema = properties[field.name]
      if (!schema) return [`${at}: HTTP has nothing like it`]
      const isOptional = field.fieldKind !== 'list' && !required.includes(field.name)
      return [
        ...valueFaults(at, field, resolved(schema, shape), shape),
        ...(field.fieldKind === 'message'
          ? []
          : unequal(`${at}: optional`, field.proto.proto3Optional, isOptional)),
      ]
    }),
]

const valueFaults = (
  at: string,
  field: DescField,
  schema: JsonSchema,
  shape: Shape<unknown>,
): string[] => {
  if (field.fieldKind === 'list') {
    if (schema.type !== 'array' || !schema.items) return [`${at}: HTTP has no list there`]
    const items = resolved(schema.items, shape)
    return field.message ? messageFaults(field.message, items, shape) : []
  }
  const isTime = schema.format === 'date-time'
  return field.message && !isTime
    ? messageFaults(field.message, schema, shape)
    : typeFaults(at, field, schema)
}

const typeFaults = (at: string, field: DescField, schema: JsonSchema): string[] =>
  unequal(`${at}: its type`, typeOf(field), typeInHttp(schema, field))

const typeOf = (field: DescField): string => {
  if (field.enum) return field.enum.values.map(({ name }) => name).join()
  if (field.message) return field.message.typeName
  return ScalarType[field.scalar]
}

const typeInHttp = ({ type, format, enum: words }: JsonSchema, field: DescField): string => {
  if (format === 'date-time') return 'google.protobuf.Timestamp'
  if (words && field.enum) {
    const prefix = (field.enum.sharedPrefix ?? '').toUpperCase()
    return ['UNSPECIFIED', ...words.map((word) => word.toUpperCase())]
      .map((word) => prefix + word)
      .join()
  }
  const names: Readonly<Record<string, string>> = {
    string: 'STRING',
    boolean: 'BOOL',
    integer: 'UINT32',
  }
  return names[[type].flat()[0] ?? ''] ?? 'something else'
}

// Problems.

const problemFaults = ({ rpc }: Binding, { problems }: Endpoint): string[] => {
  const option = optionOf(contract.registry, rpc, 'todos.v1.problems')
  const { types = [] } = (option ?? {}) as { readonly types?: readonly string[] }
  const slugs = new Set(problems.map(({ type }) => type.slug))
  return [
    ...[...slugs]
      .filter((slug) => !types.includes(slug))
      .map((slug) => `${rpc.name} ${slug}: it does not say that it refuses so`),
    ...types
      .filter((type) => !slugs.has(type))
      .map((type) => `${rpc.name} ${type}: HTTP does not refuse so`),
  ]
}

const unequal = (what: string, ours: unknown, https: unknown): string[] =>
  JSON.stringify(ours) === JSON.stringify(https)
    ? []
    : [`${what}: ${JSON.stringify(ours)} here, ${JSON.stringify(https)} in HTTP`]

/** A schema that others refer to by name, where it is one. */
const resolved = (schema: JsonSchema, { definitions }: Shape<unknown>): JsonSchema =>
  schema.$ref === undefined ? schema : (definitions[schema.$ref.split('/').at(-1) ?? ''] ?? {})
