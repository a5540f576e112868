// The JSON object in a request's body, or the 4xx that says what is wrong with it.

import type { Request } from './engines/engine.ts'
import { Problem } from './problem.ts'

export const bodyBytesMax = 16 * 1024

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const readJsonObject = async (request: Request): Promise<Record<string, unknown>> => {
  const mediaType = request.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json') {
    throw new Problem(415, 'send the body as Content-Type: application/json', {
      headers: ['Accept-Post', 'application/json'],
      field: 'Content-Type',
    })
  }
  const body = await request.body(bodyBytesMax)
  if (body.kind === 'too-large') {
    throw new Problem(413, `the body must have at most ${bodyBytesMax} bytes`, { close: true })
  }
  if (body.kind === 'cut-short') {
    throw new Problem(400, 'the body ended early', { field: 'body', close: true })
  }
  const json = parseJson(body.bytes)
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new Problem(400, 'the body must be a JSON object', { field: 'body' })
  }
  return json as Record<string, unknown>
}

const parseJson = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    throw new Problem(400, 'the body must be JSON in UTF-8', { field: 'body' })
  }
}
