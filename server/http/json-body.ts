// What a request's body holds as JSON, or the 4xx that says what is wrong with it.

import type { Body, Request } from './engines/engine.ts'
import { Problem, type ProblemKind } from './problem.ts'

export const bodyBytesMax = 16 * 1024

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
  headers: [
    {
      name: 'Accept-Post',
      description: 'The media type to send.',
      schema: { type: 'string', const: 'application/json' },
      isRequired: true,
      value: 'application/json',
    },
  ],
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** `begun`: the body, where it is being read already. */
export const readJson = async (request: Request, begun?: Promise<Body>): Promise<unknown> => {
  const contentType = request.header('content-type')
  if (contentType !== 'application/json' && !isJson(contentType)) throw new Problem(wrongMediaType)
  const body = await (begun ?? request.body(bodyBytesMax))
  if (body.kind === 'too-large') throw new Problem(bodyTooLarge)
  if (body.kind === 'cut-short') throw new Problem(bodyCutShort)
  return parseJson(body.bytes)
}

const isJson = (contentType: string | undefined): boolean =>
  contentType?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json'

const parseJson = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    throw new Problem(notJson)
  }
}
