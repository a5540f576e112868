// Errors as HTTP shows them: application/problem+json (RFC 9457). Thrown where they are understood,
// turned into a reply in one place, the router.

import { InvalidField } from '../../lib/domain/todo.ts'
import { createReply, type Reply } from './engines/engine.ts'
import { problemHeaders } from './security-headers.ts'

const titles = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
} as const

export type ProblemStatus = keyof typeof titles

export class Problem extends Error {
  override readonly name = 'Problem'
  readonly reply: Reply

  /** `field` names the input at fault; `members` are further members of the JSON. */
  constructor(
    status: ProblemStatus,
    detail: string,
    options: {
      field?: string
      headers?: readonly string[]
      members?: Readonly<Record<string, string>>
      close?: boolean
      /** For the log alone: a driver's words name hosts and ports. */
      cause?: unknown
    } = {},
  ) {
    super(detail, { cause: options.cause })
    const { field, headers = [], members = {}, close = false } = options
    const body = {
      type: 'about:blank',
      title: titles[status],
      status,
      detail,
      ...(field !== undefined && { field }),
      ...members,
    }
    this.reply = createReply(status, [...problemHeaders, ...headers], JSON.stringify(body), {
      close,
    })
  }
}

/** What `parse` returns; a field that it refuses is a 400 that names it. */
export const checkField = <T>(parse: () => T): T => {
  try {
    return parse()
  } catch (error) {
    if (error instanceof InvalidField) throw new Problem(400, error.message, { field: error.field })
    throw error
  }
}

const retryAfterSec = 1

/**
 * A dependency failed: `detail` is told the client, `cause` the log. `publish` tells a writer whether the
 * command may have been taken all the same.
 */
export const unavailable = (
  detail: string,
  { cause, publish }: { cause?: unknown; publish?: 'not-attempted' | 'unknown' } = {},
): Problem =>
  new Problem(503, detail, {
    headers: ['Retry-After', String(retryAfterSec)],
    cause,
    ...(publish && { members: { publish } }),
  })

/** Both engines take any Host, or several, so this is theirs to answer. */
export const badHost = new Problem(400, 'send one Host header: a name, and a port if you like', {
  field: 'Host',
  close: true,
})
