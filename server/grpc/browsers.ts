// Web pages that call by gRPC-Web or Connect: the same origins may as by HTTP (CORS_ORIGINS).

import { cors as connectCors } from '@connectrpc/connect'
import type { Cors } from '../http/cors.ts'
import type { GrpcHandler, GrpcRequest, GrpcResponse } from './handler.ts'

/** What pages may read besides what the protocols need. */
const exposed = ['ETag', 'Location', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'X-Request-Id']
/** Two hours: Chromium keeps it no longer, whatever is said. */
const preflightSecMax = 7_200

export const withBrowsers = (cors: Cors, handle: GrpcHandler): GrpcHandler => {
  if (cors.kind === 'off') return handle
  const allowedHeaders = [...connectCors.allowedHeaders, cors.requestHeaders].join(', ')
  const exposedHeaders = [...connectCors.exposedHeaders, ...exposed].join(', ')
  return (request, response) => {
    const { origin } = request.headers
    const isAllowed = origin !== undefined && (cors.kind === 'any' || cors.origins.has(origin))
    if (isAllowed) {
      setHeader(response, 'Access-Control-Allow-Origin', cors.kind === 'any' ? '*' : origin)
      setHeader(response, 'Access-Control-Expose-Headers', exposedHeaders)
    }
    if (cors.kind === 'some') setHeader(response, 'Vary', 'Origin')
    if (!isAllowed || !isPreflight(request)) {
      handle(request, response)
      return
    }
    setHeader(response, 'Access-Control-Allow-Methods', connectCors.allowedMethods.join(', '))
    setHeader(response, 'Access-Control-Allow-Headers', allowedHeaders)
    setHeader(response, 'Access-Control-Max-Age', String(preflightSecMax))
    response.statusCode = 204
    response.end()
  }
}

/** The two kinds of responses have the same method, with types that do not go together. */
const setHeader = (response: GrpcResponse, name: string, value: string): void => {
  response.setHeader(name, value)
}

const isPreflight = ({ method, headers }: GrpcRequest): boolean =>
  method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
