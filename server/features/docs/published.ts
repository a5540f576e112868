// Texts that are the same for everybody until the next start, with their validator.

import type { Tag } from '../../http/contract/endpoint.ts'
import { string } from '../../../lib/domain/shape.ts'
import { unlessHeld, type AnswerDescription } from '../../http/contract/answer.ts'
import { contentTag } from '../../http/encodings.ts'
import { createReply, type Reply } from '../../http/engines/engine.ts'
import { etag, noCache, type ResponseHeader } from '../../http/response-headers.ts'
import { pageHeaders } from '../../http/security-headers.ts'
import { styleHash } from './layout.ts'

export const tag: Tag = {
  isUnversioned: true,
  name: 'Documentation',
  description:
    'What this API is: a page for people, a document for programs, and a page for each type of problem.',
}

export const publishedReply = (
  ifNoneMatch: string | undefined,
  headers: readonly string[],
  etag: string,
  text: string | Buffer,
  /** On a 304 as well. */
  more: readonly string[] = [],
): Reply => {
  const validators = ['ETag', etag, 'Cache-Control', 'no-cache', ...more]
  return unlessHeld(ifNoneMatch, etag, validators, () =>
    createReply(200, [...headers, ...validators], text),
  )
}

const constant = (name: string, description: string, value: string): ResponseHeader => ({
  name,
  description,
  schema: { type: 'string', const: value },
  isRequired: true,
})

/** Those of every page, whatever it shows: name, description, value. */
export const pageConstants = [
  ['X-Frame-Options', 'Not to be shown in a frame.', 'DENY'],
  ['Referrer-Policy', 'Its links do not say where they are from.', 'no-referrer'],
] as const

export const pageAnswer: AnswerDescription = {
  status: 200,
  description: 'The page.',
  headers: [
    etag,
    noCache,
    ...pageConstants.map(([name, description, value]) => constant(name, description, value)),
  ],
  content: { mediaType: 'text/html', shape: string(), examples: [] },
}

export type Page = (ifNoneMatch: string | undefined) => Reply

/** A page for people: encoded once, however often it is asked for. */
export const createPage = (text: string): Page => {
  const bytes = Buffer.from(text)
  const tag = contentTag(bytes)
  const headers = pageHeaders(styleHash)
  return (ifNoneMatch) => publishedReply(ifNoneMatch, headers, tag, bytes)
}
