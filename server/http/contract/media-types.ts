// The media types that an endpoint takes a body in, and what a body of another one gets.

import { json } from '../json-body.ts'
import type { ProblemKind, ProblemType } from '../problem.ts'
import type { ResponseHeader } from '../response-headers.ts'
import type { BodyOf, Method } from './endpoint.ts'

export const mediaTypesOf = ({ mediaTypes = [json] }: BodyOf<unknown>): readonly string[] =>
  mediaTypes

const unsupportedMediaType: ProblemType = {
  slug: 'unsupported-media-type',
  status: 415,
  when: 'The body is of another media type.',
  remedy: 'Send JSON, and say so in `Content-Type`; `detail` names what is taken.',
}
export const wrongMediaType = (method: Method, body: BodyOf<unknown>): ProblemKind => ({
  type: unsupportedMediaType,
  detail: `send the body as Content-Type: ${mediaTypesOf(body).join(' or ')}`,
  field: 'Content-Type',
  headers: [accepted(method, body)],
})

const unsupportedCharset: ProblemType = {
  slug: 'unsupported-charset',
  status: 415,
  when: 'The body is in another charset.',
  remedy: 'Send the body in UTF-8, and leave `charset` out of `Content-Type`.',
}
export const wrongCharset = (method: Method, body: BodyOf<unknown>): ProblemKind => ({
  type: unsupportedCharset,
  detail: 'send the body in UTF-8: no other charset is supported',
  field: 'Content-Type',
  headers: [accepted(method, body)],
})

/** RFC 5789, 2.2: a PATCH has a field of its own. */
const accepted = (method: Method, body: BodyOf<unknown>): ResponseHeader => {
  const value = mediaTypesOf(body).join(', ')
  const name = method === 'PATCH' ? 'Accept-Patch' : 'Accept-Post'
  return {
    name,
    ...(value !== json && { component: `${name}-others` }),
    description: 'The media types to send.',
    schema: { type: 'string', const: value },
    isRequired: false,
    value,
  }
}
