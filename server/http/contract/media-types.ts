// The media types that an endpoint takes a body in, and what a body of another one gets.

import { json } from '../json-body.ts'
import type { ProblemKind } from '../problem.ts'
import type { ResponseHeader } from '../response-headers.ts'
import type { BodyOf, Method } from './endpoint.ts'

export const mediaTypesOf = ({ mediaTypes = [json] }: BodyOf<unknown>): readonly string[] =>
  mediaTypes

export const wrongMediaType = (method: Method, body: BodyOf<unknown>): ProblemKind => ({
  status: 415,
  detail: `send the body as Content-Type: ${mediaTypesOf(body).join(' or ')}`,
  when: 'The body is of another media type.',
  field: 'Content-Type',
  headers: [accepted(method, body)],
})

export const wrongCharset = (method: Method, body: BodyOf<unknown>): ProblemKind => ({
  status: 415,
  detail: 'send the body in UTF-8: no other charset is supported',
  when: 'The body is in another charset.',
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
