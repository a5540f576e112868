// What a request's body holds as JSON, or the 4xx that says what is wrong with it.

import type { Body, Request } from './engines/engine.ts'
import { Problem, type ProblemKind } from './problem.ts'
import type { ResponseHeader } from './response-headers.ts'

export const bodyBytesMax = 16 * 1024

const acceptPost: ResponseHeader = {
  name: 'Accept-Post',
  description: 'The media type to send.',
  schema: { type: 'string', const: 'application/json' },
  isRequired: false,
  value: 'application/json',
}
/** It tells a 415 for the coding from one for the media type (RFC 9110 section 12.5.3). */
const acceptsIdentity: ResponseHeader = {
  name: 'Accept-Encoding',
  description: 'The codings that a body may have. Only there when that was the fault.',
  schema: { type: 'string', const: 'identity' },
  isRequired: false,
  value: 'identity',
}

export const bodyTooLarge: ProblemKind = {
  status: 413,
  detail: `the body must have at most ${bodyBytesMax} bytes`,
  when: `The body has more than ${bodyBytesMax} bytes: the connection is closed.`,
  close: true,
}
export const bodyCutShort: ProblemKind = {
  status: 400,
  detail: 'the body ended early',
  field: 'body',
  close: true,
}
export const notJson: ProblemKind = {
  status: 400,
  detail: 'the body must be JSON in UTF-8',
  field: 'body',
}
export const wrongMediaType: ProblemKind = {
  status: 415,
  detail: 'send the body as Content-Type: application/json',
  when: 'The body is of another media type.',
  field: 'Content-Type',
  headers: [acceptPost],
}
export const wrongCoding: ProblemKind = {
  status: 415,
  detail: 'send the body as it is: no Content-Encoding is supported',
  when: 'The body is compressed.',
  field: 'Content-Encoding',
  headers: [acceptsIdentity],
}
export const wrongCharset: ProblemKind = {
  status: 415,
  detail: 'send the body in UTF-8: no other charset is supported',
  when: 'The body is in another charset.',
  field: 'Content-Type',
  headers: [acceptPost],
}

// A byte order mark is left out: some clients on Windows write one (RFC 8259 section 8.1 allows that).
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** `begun`: the body, where it is being read already. */
export const readJson = async (request: Request, begun?: Promise<Body>): Promise<unknown> => {
  const contentType = request.header('content-type')
  if (contentType !== 'application/json') {
    if (!isJson(contentType)) throw new Problem(wrongMediaType)
    if (!isUtf8(contentType)) throw new Problem(wrongCharset)
  }
  if (!isIdentity(request.header('content-encoding'))) throw new Problem(wrongCoding)
  const body = await (begun ?? request.body(bodyBytesMax))
  if (body.kind === 'too-large') throw new Problem(bodyTooLarge)
  if (body.kind === 'cut-short') throw new Problem(bodyCutShort)
  return parseJson(body.bytes)
}

const isJson = (contentType: string | undefined): boolean =>
  contentType?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json'

/** A parameter of a media type, its value a token or a quoted text. */
const parameter = /;\s*([^\s;="]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]*)/g

/** ASCII is UTF-8, too. */
const utf8Names = ['utf-8', 'utf8', 'us-ascii']

const isUtf8 = (contentType = ''): boolean =>
  [...contentType.matchAll(parameter)].every(
    ([, name = '', value = '']) =>
      name.toLowerCase() !== 'charset' ||
      utf8Names.includes(value.replaceAll('"', '').toLowerCase()),
  )

/** Applied any number of times, it changes nothing. */
const isIdentity = (contentEncoding = ''): boolean =>
  contentEncoding.split(',').every((one) => ['', 'identity'].includes(one.trim().toLowerCase()))

const parseJson = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    throw new Problem(notJson)
  }
}
