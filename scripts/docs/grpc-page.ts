// docs/reference/grpc.md: every RPC, as proto/ has it, comments included.

import type { DescField, DescMessage, DescMethod, DescService } from '@bufbuild/protobuf'
import { ScalarType } from '@bufbuild/protobuf'
import { optionOf, readContract, type Binding } from '../../server/grpc/contract.ts'
import { describedContract } from '../contract.ts'
import { endpoints } from './endpoints.ts'
import { bullets, code, linkTo, printedPage } from './markdown.ts'
import { withLinks } from './references.ts'

const contract = readContract(describedContract())
const bindings = new Map([...contract.bindings, ...contract.streams].map((one) => [one.rpc, one]))
const services = contract.services.filter(({ methods }) => methods.some((one) => bindings.has(one)))

const prose = (text: string): string => withLinks(text, { page: 'grpc.md' })

const codes = [
  ['400, 413, 422', 'INVALID_ARGUMENT'],
  ['401', 'UNAUTHENTICATED'],
  ['403', 'PERMISSION_DENIED'],
  ['404', 'NOT_FOUND'],
  ['409, 428', 'FAILED_PRECONDITION'],
  ['412', 'ABORTED'],
  ['429', 'RESOURCE_EXHAUSTED'],
  ['501', 'UNIMPLEMENTED'],
  ['503', 'UNAVAILABLE'],
  ['other 5xx', 'INTERNAL'],
] as const

export const grpcPage = (): string =>
  printedPage(
    'gRPC API',
    'For whoever calls the API by gRPC, gRPC-Web or Connect: each RPC, its fields and its refusals.',
    [
      'It is off until `GRPC_PORT` is set. The files are in `proto/todos/v1/`, and the server gives them away by reflection. [Call the API by gRPC](../how-to/grpc.md) has commands to paste.',
      'Each RPC is the same as one request of the [HTTP API](api.md): limits, checks and texts are those of HTTP. A call is a line of the metrics of its HTTP route.',
      bullets([
        "Metadata of a call: `authorization` with `Bearer TOKEN`, and `traceparent`, `tracestate`, `baggage`, `x-request-id`. `prefer`, `if-match` and `idempotency-key` may come there, too; a field of that name goes first. Reads of your own todos and of a team's take `list-version-min` and `write-position-min`: [what you must see](../how-to/read-replicas.md#clients-that-say-what-they-must-see).",
        'Metadata of an answer: `x-request-id`, what limits say, and the headers `etag`, `location`, `link`, `list-version`, `write-position`, `preference-applied`, `retry-after`.',
        'A stream ends with the status that says why. With `google.rpc.RetryInfo`, call again after that.',
        'A deadline ends the wait. A `wait` in `prefer` that would go past it is made shorter, so that the answer says that the write is accepted.',
        'Messages are not compressed, in either direction.',
        'A field that is not `optional` is required, where HTTP requires it.',
      ]),
      ...services.map((one) => `**${linkTo(one.name)}**\n\n${contentsOf(one)}`),
      errorsSection(),
      ...services.map(serviceSection),
      '## Messages',
      ...sharedMessages().map((message) => `### ${message.name}\n\n${fieldList(message.fields)}`),
    ],
  )

const contentsOf = ({ methods }: DescService): string =>
  bullets(methods.map((one) => linkTo(one.name)))

const errorsSection = (): string => `## Errors

A refusal is a \`google.rpc.Status\`. Its message is the problem's \`detail\`, and its details say the rest:

${bullets([
  '`google.rpc.ErrorInfo`: `reason` is the type of the [problem](problems.md) in capitals, as `NO_SUCH_TODO`. Its metadata has the `type`, the `title`, and `publish` with a write that failed.',
  '`google.rpc.BadRequest`: each field at fault.',
  '`google.rpc.RetryInfo`: when to try again.',
])}

The code follows from the status in HTTP:

${bullets(codes.map(([status, name]) => `${status}: ${code(name)}`))}`

const serviceSection = (service: DescService): string =>
  [
    `## ${service.name}`,
    commentOf(service),
    `In full: ${code(service.typeName)}.`,
    ...service.methods.map(rpcSection),
  ].join('\n\n')

const rpcSection = (rpc: DescMethod): string => {
  const binding = bindings.get(rpc)
  return [
    `### ${rpc.name}`,
    commentOf(rpc),
    ...(binding ? [sameAs(binding)] : []),
    `**Request**\n\n${fieldList(rpc.input.fields)}`,
    `**Answer**\n\n${fieldList(rpc.output.fields)}`,
    ...refusalsOf(rpc),
  ].join('\n\n')
}

const sameAs = ({ rpc, method, path }: Binding): string => {
  const found = endpoints.find(
    ({ operationId }) => operationId.toLowerCase() === rpc.name.toLowerCase(),
  )
  const request = code(`${method} ${path}`)
  return `The same as ${found ? linkTo(found.summary, 'api.md', request) : request}.`
}

const refusalsOf = (rpc: DescMethod): string[] => {
  const option = optionOf(contract.registry, rpc, 'todos.v1.problems')
  const { types = [] } = (option ?? {}) as { readonly types?: readonly string[] }
  return types.length === 0
    ? []
    : [`**Problems**: ${types.map((type) => linkTo(type, 'problems.md')).join(', ')}`]
}

const fieldList = (fields: readonly DescField[]): string =>
  fields.length === 0 ? 'No fields.' : bullets(fields.map(fieldLine))

const fieldLine = (field: DescField): string => {
  const comment = commentOf(field)
  const header = optionOf(contract.registry, field, 'todos.v1.header') as string | undefined
  const notes = [
    field.oneof ? `one of ${code(field.oneof.name)}` : undefined,
    field.proto.proto3Optional ? 'optional' : undefined,
    header && `the header ${code(header)}`,
    boundsText(field),
  ].filter((note) => note !== undefined)
  const about = [typeText(field), ...notes].join(', ')
  return `${code(field.name)} (${about})${comment === '' ? '' : `: ${comment}`}`
}

const typeText = (field: DescField): string => {
  const one = field.message
    ? messageLink(field.message)
    : field.enum
      ? code(field.enum.values.map(({ name }) => name).join(' | '))
      : code(ScalarType[field.scalar ?? ScalarType.STRING].toLowerCase())
  return field.fieldKind === 'list' ? `list of ${one}` : one
}

const messageLink = ({ name, typeName }: DescMessage): string =>
  typeName.startsWith('google.') ? code(typeName) : linkTo(name.replace(/Request$/, ''), '', name)

const boundsText = (field: DescField): string | undefined => {
  const bounds = optionOf(contract.registry, field, 'todos.v1.bounds') as
    | Readonly<Record<string, string | number>>
    | undefined
  if (!bounds) return undefined
  return Object.entries(bounds)
    .map(([name, value]) => `${name.replace('_', ' ')} ${code(String(value))}`)
    .join(', ')
}

/** Those of our files that are no request and no answer. */
const sharedMessages = (): DescMessage[] =>
  [...contract.registry]
    .filter((one) => one.kind === 'message')
    .filter(
      ({ name, typeName }) => typeName.startsWith('todos.v1.') && !/(Request|Response)$/.test(name),
    )
    .filter(({ file }) => !file.name.endsWith('/options'))

type Described = DescMethod | DescService | DescField

/** Comments are kept by the place of what they describe, as numbers of fields and indices. */
const commentOf = (described: Described): string => {
  const place = placeOf(described).join()
  const { sourceCodeInfo } = fileOf(described).proto
  const found = sourceCodeInfo?.location.find(({ path }) => path.join() === place)
  return prose((found?.leadingComments ?? '').replace(/\s+/g, ' ').trim())
}

const fileOf = (described: Described) =>
  described.kind === 'service' ? described.file : described.parent.file

/** In descriptor.proto: of a file 4 is its messages and 6 its services; of both, 2 is what is in them. */
const placeOf = (described: Described): number[] => {
  switch (described.kind) {
    case 'service':
      return [6, described.file.services.indexOf(described)]
    case 'rpc':
      return [...placeOf(described.parent), 2, described.parent.methods.indexOf(described)]
    case 'field':
      return [
        4,
        described.parent.file.messages.indexOf(described.parent),
        2,
        described.parent.fields.indexOf(described),
      ]
  }
}
