// Problems (RFC 9457) as gRPC shows errors: a code, and the details that Google's error model has for
// what is wrong with a field, for the type of the problem, and for when to try again.

import { Code, ConnectError } from '@connectrpc/connect'
import { create, type DescMessage, type FileRegistry, type Message } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import type { Reply } from '../http/engines/engine.ts'
import { messageNamed, type Binding } from './contract.ts'
import type { Metadata } from './transcode.ts'

type ProblemBody = {
  readonly type: string
  readonly title: string
  readonly detail: string
  readonly errors?: readonly { readonly field: string; readonly message: string }[]
  readonly publish?: string
}

/** A status that is none of these is told by its hundred. */
const codes: Readonly<Partial<Record<number, Code>>> = {
  400: Code.InvalidArgument,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.NotFound,
  // What is there stands in the way: sent again as it is, it fails again.
  409: Code.FailedPrecondition,
  // Somebody else changed it meanwhile: read it, and try again with what it is now.
  412: Code.Aborted,
  428: Code.FailedPrecondition,
  429: Code.ResourceExhausted,
  501: Code.Unimplemented,
  503: Code.Unavailable,
}

export const codeOf = (status: number): Code =>
  codes[status] ?? (status < 500 ? Code.InvalidArgument : Code.Internal)

/** The domain of ErrorInfo: who defines its reasons. */
const domain = 'todos.v1'

export type Errors = {
  /** Of a reply that refuses. */
  of(reply: Reply, binding: Binding, metadata: Metadata): ConnectError
  /** Of a stream that ends; `reason` as types of problems are written. */
  ended(code: Code, reason: string, text: string): ConnectError
  /** To call again helps, after `afterMs`; without it, after a time that differs for each. */
  retry(reason: string, text: string, afterMs?: number): ConnectError
  draining(afterMs?: number): ConnectError
  /** There is no room for what waits for a client. */
  unread(): ConnectError
  invalid(field: string, text: string): ConnectError
  /** As a google.rpc.Status. */
  statusOf(error: ConnectError): Message
}

export const createErrors = (registry: FileRegistry, retrySpreadMs: number): Errors => {
  const status = messageNamed(registry, 'google.rpc.Status')
  const errorInfo = messageNamed(registry, 'google.rpc.ErrorInfo')
  const badRequest = messageNamed(registry, 'google.rpc.BadRequest')
  const retryInfo = messageNamed(registry, 'google.rpc.RetryInfo')

  const of: Errors['of'] = (reply, binding, metadata) => {
    const problem = JSON.parse(reply.body.toString()) as ProblemBody
    const { type, title, detail, errors = [], publish } = problem
    const retryAfter = metadata.get('retry-after')
    const details: Detail[] = [
      {
        desc: errorInfo,
        value: {
          reason: reasonOf(type),
          domain,
          metadata: { type, title, ...(publish !== undefined && { publish }) },
        },
      },
    ]
    if (errors.length > 0) details.push({ desc: badRequest, value: violationsOf(errors, binding) })
    if (retryAfter !== undefined)
      details.push({
        desc: retryInfo,
        value: { retryDelay: { seconds: BigInt(Number.parseInt(retryAfter, 10)) } },
      })
    return new ConnectError(detail, codeOf(reply.status), Object.fromEntries(metadata), details)
  }

  const infoOf = (reason: string): Detail => ({
    desc: errorInfo,
    value: { reason: reasonOf(reason), domain },
  })
  const retry: Errors['retry'] = (reason, text, afterMs = Math.random() * retrySpreadMs) => {
    const ms = Math.round(afterMs)
    const retryDelay = { seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 }
    const details = [infoOf(reason), { desc: retryInfo, value: { retryDelay } }]
    return new ConnectError(text, Code.Unavailable, undefined, details)
  }

  return {
    of,
    retry,
    ended: (code, reason, text) => new ConnectError(text, code, undefined, [infoOf(reason)]),
    draining: (afterMs) => retry('draining', 'the server is draining: connect again', afterMs),
    unread: () => retry('not-reading', 'there is no room for what waits for this client'),
    invalid(field, description) {
      const value = { fieldViolations: [{ field, description }] }
      const details = [infoOf('invalid-input'), { desc: badRequest, value }]
      return new ConnectError(description, Code.InvalidArgument, undefined, details)
    },
    statusOf: ({ code, rawMessage, details }) =>
      create(status, {
        code,
        message: rawMessage,
        details: (details as readonly Detail[]).map(({ desc, value }) =>
          anyPack(desc, create(desc, value)),
        ),
      }),
  }
}

type Detail = { readonly desc: DescMessage; readonly value: Record<string, unknown> }

/** `/docs/problems/no-such-todo` is NO_SUCH_TODO: reasons are written so. */
const reasonOf = (type: string): string =>
  type
    .slice(type.lastIndexOf('/') + 1)
    .replaceAll('-', '_')
    .toUpperCase()

const violationsOf = (errors: NonNullable<ProblemBody['errors']>, { requestHeaders }: Binding) => ({
  fieldViolations: errors.map(({ field, message }) => ({
    // What HTTP takes from a header or a path has the name of a field here.
    field: requestHeaders.get(field.toLowerCase()) ?? snakeCase(field),
    description: message,
  })),
})

const snakeCase = (name: string): string =>
  name.replace(/[a-z][A-Z]/g, ([last = '', first = '']) => `${last}_${first.toLowerCase()}`)
