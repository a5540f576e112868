// GET /asyncapi.json: the messages of the WebSocket as an AsyncAPI document, for programs.

import { shape } from '../../../lib/domain/shape.ts'
import { version } from '../../../lib/runtime/version.ts'
import { notModified, unlessHeld } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { ifNoneMatch } from '../../http/contract/parameters.ts'
import { contentTag } from '../../http/encodings.ts'
import { createReply } from '../../http/engines/engine.ts'
import { etag, noCache } from '../../http/response-headers.ts'
import { jsonHeaders } from '../../http/security-headers.ts'
import { asyncApiOf } from '../../realtime/async-api.ts'
import type { ChannelKind } from '../../realtime/channels.ts'
import { tag } from './parts.ts'

export const getAsyncApi = (publicUrl: string, kinds: readonly ChannelKind[]) => {
  let made: { readonly text: string; readonly etag: string } | undefined
  return endpoint({
    method: 'GET',
    path: '/asyncapi.json',
    operationId: 'getAsyncApi',
    summary: 'Get the AsyncAPI document',
    tag,
    auth: 'none',
    limit: 'read',
    headers: { ifNoneMatch },
    responses: [
      {
        status: 200,
        description: 'The document.',
        headers: [etag, noCache],
        content: { mediaType: 'application/json', shape: anyObject, examples: [] },
      },
      notModified([etag, noCache]),
    ],
    handler({ headers }) {
      if (!made) {
        const text = JSON.stringify(asyncApiOf(kinds, version, publicUrl))
        made = { text, etag: contentTag(text) }
      }
      const { text, etag } = made
      const validators = ['ETag', etag, 'Cache-Control', 'no-cache']
      return unlessHeld(headers.ifNoneMatch, etag, validators, () =>
        createReply(200, [...jsonHeaders, ...validators], text),
      )
    },
  })
}

const anyObject = shape({ type: 'object' }, (value) => value)
