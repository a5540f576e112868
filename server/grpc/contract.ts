// The contract of gRPC as it runs: the descriptors of proto/, and for each RPC the HTTP request that it
// is the same as, read from its google.api.http option. Nothing is generated: an RPC that is added to
// proto/ is served without a line of code.

import {
  createFileRegistry,
  fromBinary,
  getOption,
  hasOption,
  toJson,
  type DescExtension,
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  type FileRegistry,
  type Message,
} from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import type { Method } from '../http/contract/endpoint.ts'

export type Contract = {
  readonly registry: FileRegistry
  readonly services: readonly DescService[]
  /** RPCs that are one request and one answer. */
  readonly bindings: readonly Binding[]
  /** RPCs that are one request and a stream of answers, as an event stream is in HTTP. */
  readonly streams: readonly Binding[]
}

/** What an RPC is in HTTP. */
export type Binding = {
  readonly rpc: DescMethod
  readonly method: Method
  /** `/v1/todos/{id}` */
  readonly path: string
  readonly hasBody: boolean
  /** The field of the answer that the body of the HTTP answer is; the whole answer without it. */
  readonly responseBody: string | undefined
  /** By the name of a header, in lower case: the field of the request that it is. */
  readonly requestHeaders: ReadonlyMap<string, string>
  /** Fields of the request that are headers or parts of the path; the others are body or query. */
  readonly placed: ReadonlySet<string>
  /** Fields of the request whose empty text is null in HTTP. */
  readonly nullIfEmpty: ReadonlySet<string>
  /** By the name of a header, in lower case: the field of the answer that it is. */
  readonly responseHeaders: ReadonlyMap<string, string>
}

/** `bytes`: a FileDescriptorSet, as `npm run build:proto` writes it. */
export const readContract = (bytes: Uint8Array): Contract => {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes))
  const services = [...registry].filter((one) => one.kind === 'service')
  const all = services.flatMap(({ methods }) => methods).flatMap((rpc) => bindingOf(registry, rpc))
  return {
    registry,
    services,
    bindings: all.filter(({ rpc }) => rpc.methodKind === 'unary'),
    streams: all.filter(({ rpc }) => rpc.methodKind === 'server_streaming'),
  }
}

export const messageNamed = (registry: FileRegistry, typeName: string): DescMessage => {
  const found = registry.getMessage(typeName)
  if (!found) throw new Error(`proto/ has no message ${typeName}`)
  return found
}

/** What an option of ours or of google.api says, as JSON; undefined where nothing is said. */
export const optionOf = (
  registry: FileRegistry,
  described: DescMethod | DescField,
  name: string,
): unknown => {
  const option = extensionNamed(registry, name)
  if (!hasOption(described, option)) return undefined
  const value: unknown = getOption(described, option)
  return option.fieldKind === 'message'
    ? toJson(option.message, value as Message, { useProtoFieldName: true })
    : value
}

const extensionNamed = (registry: FileRegistry, name: string): DescExtension => {
  const found = registry.getExtension(name)
  if (!found) throw new Error(`proto/ has no option ${name}`)
  return found
}

type HttpRule = Readonly<Partial<Record<string, string>>>

const methods = ['get', 'post', 'put', 'patch', 'delete'] as const

const bindingOf = (registry: FileRegistry, rpc: DescMethod): Binding[] => {
  const rule = optionOf(registry, rpc, 'google.api.http') as HttpRule | undefined
  if (!rule) return []
  const method = methods.find((one) => rule[one] !== undefined)
  if (!method) throw new Error(`${rpc.name}: its google.api.http has no method`)
  const path = rule[method] as string
  const requestHeaders = headersOf(registry, rpc.input)
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
  return [
    {
      rpc,
      method: method.toUpperCase() as Method,
      path,
      hasBody: rule['body'] === '*',
      responseBody: rule['response_body'],
      requestHeaders,
      placed: new Set([...inPath, ...requestHeaders.values()]),
      nullIfEmpty: new Set(
        rpc.input.fields
          .filter((field) => optionOf(registry, field, 'todos.v1.null_if_empty') === true)
          .map(({ name }) => name),
      ),
      responseHeaders: headersOf(registry, rpc.output),
    },
  ]
}

const headersOf = (registry: FileRegistry, { fields }: DescMessage): ReadonlyMap<string, string> =>
  new Map(
    fields.flatMap((field) => {
      const header = optionOf(registry, field, 'todos.v1.header') as string | undefined
      return header === undefined ? [] : [[header.toLowerCase(), field.name] as const]
    }),
  )
