// An RPC as the HTTP request that it is the same as, and the answer to that as the RPC's. So whoever
// may call, how often, what is checked and what is said are HTTP's, and this file knows none of it.

import type { JsonObject, JsonValue, Message } from '@bufbuild/protobuf'
import { Code, ConnectError } from '@connectrpc/connect'
import { json as jsonType } from '../http/json-body.ts'
import type { Reply, Request } from '../http/engines/engine.ts'
import { abandon } from '../http/engines/send-stream.ts'
import { preferWithin } from './deadline.ts'
import type { Binding } from './contract.ts'
import { jsonOf, messageOf } from './json.ts'

/** Who calls, with what. */
export type Call = {
  readonly metadata: (name: string) => string | undefined
  /** Address of the other end. */
  readonly peer: string
  /** What is left until the deadline; undefined where there is none. */
  readonly remainingMs: number | undefined
}

/** What an answer says besides its message, by names in lower case. */
export type Metadata = ReadonlyMap<string, string>

/** What a call may send as metadata. All else that comes there belongs to the transport. */
const passedOn: ReadonlySet<string> = new Set([
  'authorization',
  'baggage',
  'idempotency-key',
  'if-match',
  'list-version-min',
  'prefer',
  'traceparent',
  'tracestate',
  'write-position-min',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-request-id',
])

export const requestOf = (
  { rpc, method, path, hasBody, requestHeaders, placed, nullIfEmpty }: Binding,
  message: Message,
  { metadata, peer, remainingMs }: Call,
): Request => {
  const fields = jsonOf(rpc.input, message)
  const textIn = (name: string): string | undefined => {
    const { [name]: value } = fields
    return value === undefined ? undefined : textOf(value)
  }
  // Without an id the path would be another one: a blank is refused as an id.
  const target = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(textIn(name) || ' '),
  )
  const headers = new Map<string, string>()
  for (const [header, name] of requestHeaders) {
    const value = textIn(name)
    if (value !== undefined) headers.set(header, value)
  }
  const rest = Object.fromEntries(Object.entries(fields).filter(([name]) => !placed.has(name)))
  for (const name of nullIfEmpty) if (rest[name] === '') rest[name] = null
  if (hasBody) headers.set('content-type', jsonType)
  const bytes = hasBody ? Buffer.from(JSON.stringify(rest)) : noBytes
  return {
    method,
    path: target,
    query: hasBody ? '' : queryOf(rest),
    header(name) {
      const value = headers.get(name) ?? (passedOn.has(name) ? metadata(name) : undefined)
      return name === 'prefer' ? preferWithin(value, remainingMs) : value
    },
    body: (bytesMax) =>
      Promise.resolve(bytes.length > bytesMax ? { kind: 'too-large' } : { kind: 'read', bytes }),
    remoteAddress: () => peer,
    isRpc: true,
  }
}

const noBytes = Buffer.alloc(0)

const queryOf = (fields: JsonObject): string =>
  new URLSearchParams(
    Object.entries(fields).map(([name, value]): [string, string] => [name, textOf(value)]),
  ).toString()

const textOf = (value: JsonValue): string =>
  typeof value === 'string' ? value : JSON.stringify(value)

/** The RPC's answer, of a reply that is no refusal. */
export const answerOf = (
  { rpc, responseBody, responseHeaders }: Binding,
  reply: Reply,
  metadata: Metadata,
): Message => {
  if (reply.stream) {
    abandon(reply)
    throw new ConnectError('the answer is too long for one message', Code.OutOfRange)
  }
  const body = bodyOf(reply)
  const field = reply.status === 202 && rpc.output.field['accepted'] ? 'accepted' : responseBody
  const json: JsonObject = field === undefined ? { ...(body as JsonObject) } : { [field]: body }
  for (const [header, name] of responseHeaders) {
    const value = metadata.get(header)
    if (value !== undefined) json[name] = header === 'link' ? nextIn(value) : value
  }
  return messageOf(rpc.output, json)
}

const bodyOf = ({ body, tail }: Reply): JsonValue => {
  const bytes = tail ? Buffer.concat([body, tail]) : body
  return bytes.length === 0 ? {} : (JSON.parse(bytes.toString()) as JsonValue)
}

/** Of a Link (RFC 8288), the cursor of what follows; empty where nothing does. */
const nextIn = (link: string): string => /[?&]after=([\w-]+)>; rel="next"/.exec(link)?.[1] ?? ''

/** The headers of a reply that say something to who calls an RPC. */
export const metadataOf = ({ headers }: Reply): Metadata => {
  const metadata = new Map<string, string>()
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] ?? '').toLowerCase()
    if (given.has(name)) metadata.set(name, headers[i + 1] ?? '')
  }
  return metadata
}

const given: ReadonlySet<string> = new Set([
  'deprecation',
  'etag',
  'link',
  'list-version',
  'location',
  'preference-applied',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
  'sunset',
  'write-position',
  'www-authenticate',
  'x-request-id',
])
