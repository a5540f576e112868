// Texts that are the same for everybody until the next start, with their validator.

import { withoutBody } from '../../http/contract/answer.ts'
import { etagMatches } from '../../http/encodings.ts'
import { createReply, type Reply } from '../../http/engines/engine.ts'

export const tag = { name: 'Documentation', description: 'This document.' }

export const publishedReply = (
  ifNoneMatch: string | undefined,
  headers: readonly string[],
  etag: string,
  text: string | Buffer,
): Reply => {
  const validators = ['ETag', etag, 'Cache-Control', 'no-cache']
  return ifNoneMatch !== undefined && etagMatches(ifNoneMatch, etag)
    ? withoutBody(304, validators)
    : createReply(200, [...headers, ...validators], text)
}
