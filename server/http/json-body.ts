// What a request's body holds as JSON, or the 4xx that says what is wrong with it.

import { isUtf8 } from 'node:buffer'
import { withoutStacks } from '../../lib/domain/refusal.ts'
import type { Body, Request } from './engines/engine.ts'
import { Problem, type ProblemKind } from './problem.ts'
import type { ResponseHeader } from './response-headers.ts'

export const bodyBytesMax = 16 * 1024

/** It tells a 415 for the coding from one for the media type (RFC 9110 section 12.5.3). */
const acceptsIdentity: ResponseHeader = {
  name: 'Accept-Encoding',
  description: 'The codings that a body may have. Only there when that was the fault.',
  schema: { type: 'string', const: 'identity' },
  isRequired: false,
  value: 'identity',
}

export const bodyTooLarge: ProblemKind = {
  type: {
    slug: 'body-too-large',
    status: 413,
    when: `The body has more than ${bodyBytesMax} bytes: the connection is closed.`,
    remedy: 'Send less in one request.',
  },
  detail: `the body must have at most ${bodyBytesMax} bytes`,
  close: true,
}
export const bodyCutShort: ProblemKind = {
  type: {
    slug: 'body-cut-short',
    status: 400,
    when: 'The connection ended before the whole body was there.',
    remedy: 'Send the whole request again: nothing happened.',
  },
  detail: 'the body ended early',
  field: 'body',
  close: true,
}
export const notJson: ProblemKind = {
  type: {
    slug: 'invalid-json',
    status: 400,
    when: 'The body is not JSON in UTF-8.',
    remedy: 'Let a JSON library write the body, and send its bytes as UTF-8.',
  },
  detail: 'the body must be JSON in UTF-8',
  field: 'body',
}
export const wrongCoding: ProblemKind = {
  type: {
    slug: 'unsupported-content-coding',
    status: 415,
    when: 'The body is compressed.',
    remedy: 'Send the body as it is, without `Content-Encoding`.',
  },
  detail: 'send the body as it is: no Content-Encoding is supported',
  field: 'Content-Encoding',
  headers: [acceptsIdentity],
}

export const json = 'application/json'

export type JsonBody = {
  /** Each of them JSON. */
  readonly mediaTypes: readonly string[]
  /** What a body of another type gets. */
  readonly wrongType: ProblemKind
  /** What one in another charset than UTF-8 gets. */
  readonly wrongCharset: ProblemKind
  /** There may be none, whatever type it says to have: then undefined is read. */
  readonly isOptional: boolean
}

export type JsonReader = {
  /** What is wrong with a body that comes with these headers, if it is not empty. */
  faultOf(request: Request): Problem | undefined
  /** Its value; `fault`: what its headers say. */
  read(body: Body, fault: Problem | undefined): unknown
}

const tooLarge = new Problem(bodyTooLarge)
const cutShort = new Problem(bodyCutShort)
const codingFault = new Problem(wrongCoding)
const jsonFault = new Problem(notJson)

export const createJsonReader = (options: JsonBody): JsonReader => {
  const { mediaTypes, isOptional } = options
  const typeFault = new Problem(options.wrongType)
  const charsetFault = new Problem(options.wrongCharset)
  return {
    faultOf(request) {
      const contentType = request.header('content-type')
      if (contentType !== json) {
        if (!mediaTypes.includes(mediaTypeOf(contentType))) return typeFault
        if (!isUtf8Type(contentType)) return charsetFault
      }
      const coding = request.header('content-encoding')
      return coding === undefined || isIdentity(coding) ? undefined : codingFault
    },
    read(body, fault) {
      if (body.kind === 'too-large') throw tooLarge
      if (body.kind === 'cut-short') throw cutShort
      if (isOptional && body.bytes.length === 0) return undefined
      if (fault) throw fault
      return parseJson(body.bytes)
    },
  }
}

const mediaTypeOf = (contentType: string | undefined): string =>
  contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? ''

/** A parameter of a media type, its value a token or a quoted text. */
const parameter = /;\s*([^\s;="]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]*)/g

/** ASCII is UTF-8, too. */
const utf8Names = ['utf-8', 'utf8', 'us-ascii']

const isUtf8Type = (contentType = ''): boolean =>
  [...contentType.matchAll(parameter)].every(
    ([, name = '', value = '']) =>
      name.toLowerCase() !== 'charset' ||
      utf8Names.includes(value.replaceAll('"', '').toLowerCase()),
  )

/** Applied any number of times, it changes nothing. */
const isIdentity = (contentEncoding: string): boolean =>
  contentEncoding.split(',').every((one) => ['', 'identity'].includes(one.trim().toLowerCase()))

const parseJson = (bytes: Buffer): unknown => {
  if (!isUtf8(bytes)) throw jsonFault
  const text = bytes.toString('utf8', hasByteOrderMark(bytes) ? 3 : 0)
  try {
    return withoutStacks(() => JSON.parse(text) as unknown)
  } catch {
    throw jsonFault
  }
}

/** It is left out: some clients on Windows write one (RFC 8259 section 8.1 allows that). */
const hasByteOrderMark = (bytes: Buffer): boolean =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
