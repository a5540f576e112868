// What an endpoint answers when all goes well: one definition types the body, makes the reply and
// describes it in the document. How it refuses is in its list of problems.

import type { Shape } from '../../../lib/domain/shape.ts'
import { etagMatches } from '../encodings.ts'
import { createReply, type Reply } from '../engines/engine.ts'
import { constantsOf, type ResponseHeader } from '../response-headers.ts'
import { jsonHeaders } from '../security-headers.ts'

export type AnswerStatus = 200 | 201 | 202 | 204 | 302 | 304 | 503

export type Described = {
  readonly status: AnswerStatus
  readonly description: string
  /** Where several endpoints answer the same: what the document calls it. */
  readonly component?: string
  /** It may be the same bytes for everybody, and then does not name the request. */
  readonly isReady?: true
  readonly headers?: readonly ResponseHeader[]
}

/** What the document says of an answer. */
export type AnswerDescription = Described & {
  readonly content?: ContentDescription
  /** What `Accept` may choose in its place. */
  readonly others?: readonly ContentDescription[]
}

type ContentDescription = {
  readonly mediaType: string
  readonly shape: Shape<unknown>
  readonly examples: readonly unknown[]
}

export type Answer<T> = AnswerDescription & {
  /** `headers` come on top of those that always say the same. */
  reply(value: T, headers?: readonly string[]): Reply
}

export const answer = <T>(
  about: Described & {
    readonly body: Shape<T>
    readonly examples?: readonly NoInfer<T>[]
    /** How it is written, where that is known to be JSON: JSON.stringify, unless it must be cheap. */
    readonly json?: (value: NoInfer<T>) => string
  },
): Answer<T> => {
  const { body, examples = [], json = JSON.stringify, ...rest } = about
  const fixed = [...jsonHeaders, ...constantsOf(about.headers)]
  return {
    ...rest,
    content: { mediaType: 'application/json', shape: body, examples },
    reply: (value, headers) =>
      createReply(about.status, headers ? [...fixed, ...headers] : fixed, json(value)),
  }
}

export const noBody = Buffer.alloc(0)

/** A 204 or a 304. */
export const withoutBody = (status: 204 | 304, headers: readonly string[] = []): Reply => ({
  status,
  headers,
  body: noBody,
  close: false,
})

/** `full`, or a 304 with its `validators` for a client that has `etag` already. */
export const unlessHeld = (
  ifNoneMatch: string | undefined,
  etag: string,
  validators: readonly string[],
  full: () => Reply,
): Reply =>
  ifNoneMatch !== undefined && etagMatches(ifNoneMatch, etag)
    ? withoutBody(304, validators)
    : full()

/** A 304, described with the validators of what it stands for. */
export const notModified = (headers: readonly ResponseHeader[], component?: string): Described => ({
  status: 304,
  description: 'Not modified: what the client has (`If-None-Match`) is current.',
  ...(component !== undefined && { component }),
  headers,
})
