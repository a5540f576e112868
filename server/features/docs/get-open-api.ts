// GET /openapi.json: this API as an OpenAPI document, for programs.

import { shape } from '../../../lib/domain/shape.ts'
import { notModified } from '../../http/contract/answer.ts'
import type { Client } from '../../http/client-address.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import type { OpenApi } from '../../http/contract/openapi.ts'
import { ifNoneMatch } from '../../http/contract/parameters.ts'
import { contentTag } from '../../http/encodings.ts'
import { isHost } from '../../http/engines/engine.ts'
import { etag, noCache } from '../../http/response-headers.ts'
import { jsonHeaders } from '../../http/security-headers.ts'
import { publishedReply, tag } from './published.ts'

/** In the document's text; each client reads the address of the server that it asked. */
const relativeServers = '"servers":[{"url":"/"}]'

/** `publicUrl`: where clients reach it, whatever they asked; empty when that is not known. */
export const getOpenApi = (document: () => OpenApi, publicUrl: string) => {
  let made: { readonly text: string; readonly etag: string } | undefined
  return endpoint({
    method: 'GET',
    path: '/openapi.json',
    operationId: 'getOpenApi',
    summary: 'Get the OpenAPI document',
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
      { ...notModified([etag, noCache]), component: 'NotModified' },
    ],
    handler({ request, client, headers }) {
      if (!made) {
        const text = JSON.stringify(document())
        made = { text, etag: contentTag(text) }
      }
      const origin = publicUrl || originOf(client, request.header('host'))
      if (origin === undefined) {
        return publishedReply(headers.ifNoneMatch, jsonHeaders, made.etag, made.text)
      }
      const text = made.text.replace(
        relativeServers,
        `"servers":[{"url":${JSON.stringify(origin)}}]`,
      )
      return publishedReply(headers.ifNoneMatch, jsonHeaders, contentTag(made.etag + origin), text)
    },
  })
}

/** Only what is a host is repeated, so it needs no escapes; HTTP/1.0 may come without one. */
const originOf = ({ scheme }: Client, host: string | undefined): string | undefined => {
  const origin = `${scheme}://${host}`
  return isHost(host) && URL.canParse(origin) ? origin : undefined
}

const anyObject = shape({ type: 'object' }, (value) => value)
