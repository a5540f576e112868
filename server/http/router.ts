// Finds the route of a request and turns what its handler throws into a reply. The routes
// themselves are in features/index.ts. Nothing of this is on the hot path: ready lists never come here.

import { createBoundedLog, errorFields, type Log } from '../../lib/runtime/log.ts'
import type { App, Reply, Request } from './engines/engine.ts'
import { bodyBytesMax } from './json-body.ts'
import type { LimitCheck, LimitChecks, LimitName } from '../limits/limits.ts'
import { Problem } from './problem.ts'
import { requestIdOf } from './request-id.ts'

/** `requestId`: what it is called in the answer, in logs and in the command that it becomes. */
export type NamedRequest = Request & { readonly requestId: string }
export type Handler = (request: NamedRequest, id: string) => Reply | Promise<Reply>

/** `path` is literal, or its last or last but one part is `:id`. */
export type Route = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly handler: Handler
  /** Asked before the handler, where it is on. */
  readonly limit?: LimitName
}

export type Answered = {
  readonly method: string
  /** The route's path; '' when there is none. */
  readonly route: string
  readonly status: number
  /** From the request's head to the reply, a body that was read included. */
  readonly seconds: number
}

export const createRouter = (
  routes: readonly Route[],
  log: Log,
  onAnswered: (answered: Answered) => void = () => {},
  limits: LimitChecks = {},
): App['handle'] => {
  const byPath = new Map<string, Map<string, Served>>()
  for (const { method, path, handler, limit } of routes) {
    const methods = byPath.get(path) ?? new Map<string, Served>()
    const served = { handler, check: limit && limits[limit] }
    methods.set(method, served)
    if (method === 'GET') methods.set('HEAD', served)
    byPath.set(path, methods)
  }

  const find = (path: string): Found => {
    const methods = byPath.get(path)
    if (methods) return { route: path, methods, id: '' }
    const last = path.lastIndexOf('/')
    const before = path.lastIndexOf('/', last - 1)
    return (
      findWithId(path, last, path.length) ??
      findWithId(path, before, last) ?? { route: '', methods: undefined, id: '' }
    )
  }

  /** With what stands between `slash` and `end` taken for the id. */
  const findWithId = (path: string, slash: number, end: number): Found | undefined => {
    const id = path.slice(slash + 1, end)
    const route = `${path.slice(0, slash)}/:id${path.slice(end)}`
    const methods = id === '' || id === ':id' ? undefined : byPath.get(route)
    return methods && { route, methods, id }
  }

  const dispatch = (asked: Asked): Reply | Promise<Reply> => {
    const { request, found } = asked
    const { methods, id } = found
    const { method, path, decided } = request
    if (decided) return decided
    if (!methods) throw new Problem(404, `there is nothing at ${path}`)
    const served = methods.get(method)
    if (served?.check) return underLimit(served.check, served.handler, asked)
    if (served) return served.handler(request, id)
    const allow = [...methods.keys()].join(', ')
    throw new Problem(405, `${path} takes ${allow}`, { headers: ['Allow', allow] })
  }

  const underLimit = async (check: LimitCheck, handler: Handler, asked: Asked): Promise<Reply> => {
    const request = held(asked.request)
    const { headers, refused } = await check(request)
    const reply = refused?.reply ?? (await answered(handler, { ...asked, request }))
    return { ...reply, headers: [...headers, ...reply.headers] }
  }

  const answered = async (handler: Handler, asked: Asked): Promise<Reply> => {
    try {
      return await handler(asked.request, asked.found.id)
    } catch (error) {
      return onError(error, asked)
    }
  }

  const logUnavailable = createBoundedLog((fields, message) => log.warn(fields, message))

  const onError = (error: unknown, { request, found }: Asked): Reply => {
    const { reply } =
      error instanceof Problem ? error : new Problem(500, 'the server failed; the log says why')
    if (reply.status < 500) return reply
    const fields = {
      ...{ request_id: request.requestId, 'http.request.method': request.method },
      ...{ 'http.route': found.route, 'http.response.status_code': reply.status },
    }
    // A dependency that is away is not a fault of ours, and told with each request it would be a flood.
    if (error instanceof Problem)
      logUnavailable({ ...fields, reason: error.message, cause: causeOf(error) }, 'unavailable')
    else log.error({ ...fields, ...errorFields(error) }, 'request failed')
    return reply
  }

  const finish = (reply: Reply, { request, found, startedMs }: Asked): Reply => {
    const seconds = (performance.now() - startedMs) / 1_000
    onAnswered({ method: request.method, route: found.route, status: reply.status, seconds })
    // In front: uWebSockets.js writes Content-Length last.
    return { ...reply, headers: ['X-Request-Id', request.requestId, ...reply.headers] }
  }

  return (received) => {
    const request = { ...received, requestId: requestIdOf(received) }
    const asked = { request, found: find(request.path), startedMs: performance.now() }
    try {
      const reply = dispatch(asked)
      if (!(reply instanceof Promise)) return finish(reply, asked)
      return reply
        .catch((error: unknown) => onError(error, asked))
        .then((made) => finish(made, asked))
    } catch (error) {
      return finish(onError(error, asked), asked)
    }
  }
}

const causeOf = ({ cause }: Problem) => (cause instanceof Error ? cause.message : cause)

/** What uWebSockets.js forgets when the first await comes, unless it was asked for before. */
const held = (request: NamedRequest): NamedRequest => {
  const address = request.remoteAddress()
  const remoteAddress = () => address
  if (request.method === 'GET' || request.method === 'HEAD') return { ...request, remoteAddress }
  const body = request.body(bodyBytesMax)
  return { ...request, remoteAddress, body: () => body }
}

type Asked = { readonly request: NamedRequest; readonly found: Found; readonly startedMs: number }

type Served = { readonly handler: Handler; readonly check: LimitCheck | undefined }

type Found = {
  readonly route: string
  readonly methods: ReadonlyMap<string, Served> | undefined
  readonly id: string
}
