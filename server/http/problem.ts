// Errors as HTTP shows them: application/problem+json (RFC 9457). Thrown where they are understood,
// turned into a reply in one place, the router. What a client reads of one stands in its kind, once.

import { Refusal } from '../../lib/domain/refusal.ts'
import type { FieldError } from '../../lib/domain/shape.ts'
import { createReply, type Reply } from './engines/engine.ts'
import { constantsOf, retryAfter, type ResponseHeader } from './response-headers.ts'
import { problemHeaders } from './security-headers.ts'

export const problemTitles = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  422: 'Unprocessable Content',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
} as const

export type ProblemStatus = keyof typeof problemTitles

/** What clients can tell apart, whatever the detail says: the `type` of an answer, and its page. */
export type ProblemType = {
  /** In kebab-case. Clients compare it: it never changes. */
  readonly slug: string
  readonly status: ProblemStatus
  /** What it means and when it is answered, for the document and its page. */
  readonly when: string
  /** What to do about it. */
  readonly remedy: string
}

/**
 * Below it is the page of each type. `type` is this path and the slug, without an origin: the same
 * bytes on every server, whatever it is called from outside (RFC 9457, 3.1.1 asks for the full path).
 */
export const problemsPath = '/docs/problems'

export const typeUrl = ({ slug }: ProblemType): string => `${problemsPath}/${slug}`

/** One way to be refused, for the answer and for the document. */
export type ProblemKind = {
  readonly type: ProblemType
  readonly detail: string
  /** The input at fault. */
  readonly field?: string
  /** Each input at fault, `field` first. */
  readonly errors?: readonly FieldError[]
  /** Whether a write that failed may have happened all the same. */
  readonly publish?: 'not-attempted' | 'unknown'
  /** Those with a constant value are sent with each of this kind. */
  readonly headers?: readonly ResponseHeader[]
  /** The connection is closed after it. */
  readonly close?: true
}

export class Problem extends Refusal {
  override readonly name = 'Problem'
  readonly reply: Reply

  constructor(
    kind: ProblemKind,
    options: {
      readonly headers?: readonly string[]
      /** For the log alone: a driver's messages name hosts and ports. */
      readonly cause?: unknown
    } = {},
  ) {
    super(kind.detail, { cause: options.cause })
    const headers = [...problemHeaders, ...constantsOf(kind.headers), ...(options.headers ?? [])]
    this.reply = createReply(kind.type.status, headers, JSON.stringify(problemBody(kind)), {
      close: kind.close ?? false,
    })
  }
}

/** For a read's `catch`: a refusal stays what it is, and any other failure becomes `kind`. */
export const orProblem =
  (kind: ProblemKind) =>
  (error: unknown): never => {
    throw error instanceof Problem ? error : new Problem(kind, { cause: error })
  }

export const problemBody = ({ type, detail, field, errors, publish }: ProblemKind) => ({
  type: typeUrl(type),
  title: problemTitles[type.status],
  status: type.status,
  detail,
  ...(field !== undefined && { field }),
  ...(errors !== undefined && { errors }),
  ...(publish !== undefined && { publish }),
})

/** A dependency failed, or too many wait for it: to try again may help. */
export const unavailable = (
  type: Omit<ProblemType, 'status'>,
  detail: string,
  publish?: ProblemKind['publish'],
): ProblemKind => ({
  type: { ...type, status: 503 },
  detail,
  ...(publish !== undefined && { publish }),
  headers: [retryAfter],
})
