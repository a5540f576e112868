// The least that an endpoint is, for tests of what is around it.

import {
  endpoint,
  type Endpoint,
  type Method,
  type Principal,
} from '../server/http/contract/endpoint.ts'
import type { Reply, Request } from '../server/http/engines/engine.ts'

const about = {
  operationId: 'test',
  summary: 'For a test',
  tag: { name: 'Tests', description: 'For tests.' },
  responses: [],
}

export const publicEndpoint = (
  method: Method,
  path: string,
  handler: (request: Request) => Reply | Promise<Reply>,
): Endpoint =>
  endpoint({ ...about, method, path, auth: 'none', handler: ({ request }) => handler(request) })

export const ownEndpoint = (
  method: Method,
  path: string,
  handler: (principal: Principal) => Reply | Promise<Reply>,
): Endpoint =>
  endpoint({
    ...about,
    method,
    path,
    auth: 'bearer',
    handler: ({ principal }) => handler(principal),
  })

/** For a router whose endpoints need no token and have no limit. */
export const nobody = {
  authenticate: (): Principal => {
    throw new Error('nobody asks for this')
  },
  requireSystemAdmin: (): Promise<void> => Promise.reject(new Error('nobody asks for this')),
  clientOf: () => ({ key: 'a client', scheme: 'http' }) as const,
  limits: {},
}
