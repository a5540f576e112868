// GET /openapi.json and GET /docs: what this API is, for programs and for people. Made once, when the
// process starts.

import { createHash } from 'node:crypto'
import { holds } from '../../http/encodings.ts'
import { createReply } from '../../http/engines/engine.ts'
import { document } from './openapi/document.ts'
import { renderPage } from './page.ts'
import type { Handler } from '../../http/router.ts'
import { jsonHeaders, pageHeaders } from '../../http/security-headers.ts'

const constant = (headers: readonly string[], text: string): Handler => {
  const etag = `"${createHash('sha256').update(text).digest('base64url')}"`
  const validators = ['ETag', etag, 'Cache-Control', 'no-cache']
  const reply = createReply(200, [...headers, ...validators], text)
  const notModified = { status: 304, headers: validators, body: Buffer.alloc(0), close: false }
  return (request) => {
    const ifNoneMatch = request.header('if-none-match')
    return ifNoneMatch !== undefined && holds(ifNoneMatch, etag) ? notModified : reply
  }
}

export const getOpenApi = constant(jsonHeaders, JSON.stringify(document))

const page = renderPage(document)
export const getDocs = constant(pageHeaders(page.styleHash), page.text)
