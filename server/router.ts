// Finds the route of a request and turns what its handler throws into a reply. The routes
// themselves are in routes.ts.

import type { Log } from '../lib/log.ts'
import type { App, Reply, Request } from './engines/engine.ts'
import { Problem } from './problem.ts'

export type Handler = (request: Request, id: string) => Reply | Promise<Reply>

/** `path` is literal, or ends in `/:id`. */
export type Route = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly handler: Handler
}

export const createRouter = (routes: readonly Route[], log: Log): App['handle'] => {
  const byPath = new Map<string, Map<string, Handler>>()
  for (const { method, path, handler } of routes) {
    const methods = byPath.get(path) ?? new Map<string, Handler>()
    methods.set(method, handler)
    if (method === 'GET') methods.set('HEAD', handler)
    byPath.set(path, methods)
  }

  const dispatch = (request: Request): Reply | Promise<Reply> => {
    const { method, path } = request
    let methods = byPath.get(path)
    let id = ''
    if (!methods) {
      const slash = path.lastIndexOf('/')
      id = path.slice(slash + 1)
      methods = id === '' ? undefined : byPath.get(`${path.slice(0, slash)}/:id`)
    }
    if (!methods) throw new Problem(404, `there is nothing at ${path}`)
    const handler = methods.get(method)
    if (handler) return handler(request, id)
    const allow = [...methods.keys()].join(', ')
    throw new Problem(405, `${path} takes ${allow}`, { headers: ['Allow', allow] })
  }

  const onError = (error: unknown): Reply => {
    if (error instanceof Problem) return error.reply
    log.error({ err: error }, 'request failed')
    return new Problem(500, 'the server failed; the log says why').reply
  }

  return (request) => {
    try {
      const reply = dispatch(request)
      return reply instanceof Promise ? reply.catch(onError) : reply
    } catch (error) {
      return onError(error)
    }
  }
}
