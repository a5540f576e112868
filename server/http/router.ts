// Finds the endpoint of a request and who asks, applies its limit, and turns what it throws into a
// reply. The endpoints are in features/index.ts. Nothing of this is on the hot path: ready lists never
// come here.

import { createBoundedLog, errorFields, type Log } from '../../lib/runtime/log.ts'
import { withoutBody } from './contract/answer.ts'
import {
  methodsOf,
  needsToken,
  type Endpoint,
  type LimitName,
  type Principal,
  versionPrefix,
} from './contract/endpoint.ts'
import { createRun, type Identified, type Run } from './contract/input.ts'
import type { ClientOf } from './client-address.ts'
import type { App, Reply, Request } from './engines/engine.ts'
import { deprecationFields } from './deprecation.ts'
import { bodyBytesMax } from './json-body.ts'
import { Problem } from './problem.ts'
import { failed, notAllowed, nothingAt } from './problems.ts'
import { requestIdOf } from './request-id.ts'
import { createStreams } from './streams.ts'

export type Answered = {
  readonly method: string
  /** The endpoint's path; '' when there is none. */
  readonly route: string
  /** As in X-Request-Id. */
  readonly requestId: string
  /** Whether the route has the method; OPTIONS is answered everywhere. */
  readonly isOffered: boolean
  readonly status: number
  /** From the request's head to the reply, a body that was read included. */
  readonly seconds: number
}

export type Checked = {
  /** For the answer, whatever it is. */
  readonly headers: readonly string[]
  /** Set: this is the answer. */
  readonly refused?: Problem
}

/** Counts a request of `key`: a user, or a client's address. */
export type LimitCheck = (key: string) => Checked | Promise<Checked>

/** Those that are on. */
export type LimitChecks = Readonly<Partial<Record<LimitName, LimitCheck>>>

export type RouterParts = {
  readonly endpoints: readonly Endpoint[]
  /** Throws when a request names nobody. */
  readonly authenticate: (request: Request) => Principal
  /** Rejects when that is not who asks. */
  readonly requireSystemAdmin: (principal: Principal) => Promise<void>
  readonly clientOf: ClientOf
  readonly limits: LimitChecks
  readonly log: Log
  readonly onAnswered?: (answered: Answered) => void
}

export const createRouter = (parts: RouterParts): App['handle'] => {
  const { authenticate, requireSystemAdmin, clientOf, log, onAnswered } = parts
  const streams = createStreams()
  const logUnavailable = createBoundedLog((fields, message) => log.warn(fields, message))

  /** `run`, of whose reply the first part is there. Only HEAD asks for none. */
  const streaming =
    (run: Run, route: string): Run =>
    (identified) => {
      const { request, requestId, principal, client } = identified
      const begin = (reply: Reply) =>
        streams.begin(reply, principal?.userId ?? client?.key ?? '', (error) =>
          onError(error, { request, requestId, found: { route } }),
        )
      const reply = run(identified)
      if (request.method === 'HEAD') return reply
      return reply instanceof Promise ? reply.then(begin) : begin(reply)
    }

  const forSystemAdmins =
    (run: Run): Run =>
    async (identified) => {
      const { request, principal } = identified
      // uWebSockets.js forgets it at the first await.
      const isRead = request.method === 'GET' || request.method === 'HEAD'
      const body = identified.body ?? (isRead ? undefined : request.body(bodyBytesMax))
      await requireSystemAdmin(principal as Principal)
      return run(body ? { ...identified, body } : identified)
    }

  const runOf = (endpoint: Endpoint): Run => {
    const run = createRun(endpoint)
    const allowed = endpoint.auth === 'system-admin' ? forSystemAdmins(run) : run
    return endpoint.isStreamed ? streaming(allowed, endpoint.path) : allowed
  }

  const byPath = new Map<string, Route>()
  for (const endpoint of parts.endpoints) {
    const { method, path, auth, limit, limitedWith, limitWithout } = endpoint
    const route = routeOf(path)
    const methods = byPath.get(route)?.methods ?? new Map<string, Served>()
    if (methods.has(method)) throw new Error(`${method} ${path} is there twice`)
    const served: Served = {
      needsToken: needsToken(auth),
      check: limit && parts.limits[limit],
      limitedWith,
      checkWithout: limitWithout && parts.limits[limitWithout],
      run: runOf(endpoint),
      fields: deprecationFields(endpoint.deprecation),
    }
    methods.set(method, served)
    if (method === 'GET') methods.set('HEAD', served)
    const isVersioned = endpoint.tag.isUnversioned !== true
    byPath.set(route, { route: path, methods, isVersioned, id: '', innerId: '' })
  }
  const withRest = [...byPath].flatMap(([route, found]) =>
    route.endsWith(anyRest) ? [[route.slice(0, -anyRest.length), found] as const] : [],
  )

  const allMethods = [...methodsOf(parts.endpoints), 'OPTIONS'].join(', ')

  const find = (path: string): Found => {
    if (!path.startsWith(versionStart)) return findRoute(path)
    const found = findRoute(path.slice(versionPrefix.length))
    return found.isVersioned ? found : nowhere
  }

  const findRoute = (path: string): Found => {
    const found = byPath.get(path)
    if (found) return found
    const last = path.lastIndexOf('/')
    const before = path.lastIndexOf('/', last - 1)
    const third = path.lastIndexOf('/', before - 1)
    return (
      findWithId(path, last, path.length) ??
      findWithId(path, before, last) ??
      findWithIds(path, third, before, last, path.length) ??
      findWithIds(path, path.lastIndexOf('/', third - 1), third, before, last) ??
      findWithRest(path) ??
      nowhere
    )
  }

  /** What follows is the id, whatever it is. */
  const findWithRest = (path: string): Found | undefined => {
    for (const [start, found] of withRest)
      if (path.startsWith(start)) return foundAt(found, path.slice(start.length), '')
    return undefined
  }

  /** What stands between `slash` and `end` is the id. */
  const findWithId = (path: string, slash: number, end: number): Found | undefined => {
    const id = path.slice(slash + 1, end)
    if (id === '') return undefined
    const found = byPath.get(`${path.slice(0, slash)}/${anyId}${path.slice(end)}`)
    return found && foundAt(found, id, '')
  }

  /** One stands between `slash` and `end`, one between `innerSlash` and `innerEnd`. */
  const findWithIds = (
    path: string,
    slash: number,
    end: number,
    innerSlash: number,
    innerEnd: number,
  ): Found | undefined => {
    if (slash < 0) return undefined
    const id = path.slice(slash + 1, end)
    const innerId = path.slice(innerSlash + 1, innerEnd)
    if (id === '' || innerId === '') return undefined
    const between = `${anyId}${path.slice(end, innerSlash)}/${anyId}`
    const found = byPath.get(`${path.slice(0, slash)}/${between}${path.slice(innerEnd)}`)
    return found && foundAt(found, id, innerId)
  }

  const dispatch = (received: Received): Reply | Promise<Reply> => {
    const { request, requestId, found } = received
    const { methods, id, innerId } = found
    if (request.decided) return request.decided
    if (request.method === 'OPTIONS' && request.path === '*') return allowing(allMethods)
    if (!methods) throw new Problem(nothingAt(request.path))
    const served = methods.get(request.method)
    if (!served) {
      const allow = [...methods.keys(), 'OPTIONS'].join(', ')
      if (request.method === 'OPTIONS') return allowing(allow)
      throw new Problem(notAllowed(allow), { headers: ['Allow', allow] })
    }
    // What uWebSockets.js forgets when the first await comes is asked for before.
    const principal = served.needsToken ? authenticate(request) : undefined
    const client = served.needsToken ? undefined : clientOf(request)
    const identified = { request, requestId, principal, client, id, innerId, body: undefined }
    const check = checkOf(request, served)
    return check ? underLimit(check, served.run, identified, received) : served.run(identified)
  }

  const underLimit = async (
    check: LimitCheck,
    run: Run,
    identified: Identified,
    received: Received,
  ): Promise<Reply> => {
    const { request, principal, client } = identified
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (!isRead) identified.body = request.body(bodyBytesMax)
    const { headers, refused } = await check(principal?.userId ?? client?.key ?? '')
    received.limitHeaders = headers
    return refused?.reply ?? (await run(identified))
  }

  const onError = (error: unknown, { request, requestId, found }: Failed): Reply => {
    const { reply } = error instanceof Problem ? error : serverFailed
    if (reply.status < 500) return reply
    const fields = {
      request_id: requestId,
      'http.request.method': request.method,
      'http.route': found.route,
      'http.response.status_code': reply.status,
    }
    // A dependency that is down is not a fault of ours, and a line for each request would be a flood.
    if (error instanceof Problem)
      logUnavailable({ ...fields, reason: error.message, cause: causeOf(error) }, 'unavailable')
    else log.error({ ...fields, ...errorFields(error) }, 'request failed')
    return reply
  }

  const finish = (reply: Reply, received: Received): Reply => {
    const { request, requestId, found, startedMs } = received
    const seconds = (performance.now() - startedMs) / 1_000
    onAnswered?.({
      method: request.method,
      route: found.route,
      requestId,
      isOffered: isOffered(request.method, found),
      status: reply.status,
      seconds,
    })
    const fields = found.methods?.get(request.method)?.fields ?? noHeaders
    return named(reply, requestId, fields, received.limitHeaders)
  }

  return (request) => {
    const startedMs = performance.now()
    const received = {
      request,
      requestId: requestIdOf(request),
      found: find(request.path),
      startedMs,
      limitHeaders: noHeaders,
    }
    try {
      const reply = dispatch(received)
      if (!(reply instanceof Promise)) return finish(reply, received)
      return reply.then(
        (made) => finish(made, received),
        (error: unknown) => finish(onError(error, received), received),
      )
    } catch (error) {
      return finish(onError(error, received), received)
    }
  }
}

const foundAt = ({ route, methods, isVersioned }: Route, id: string, innerId: string): Found => ({
  route,
  methods,
  isVersioned,
  id: decoded(id),
  innerId: decoded(innerId),
})

const nowhere: Found = {
  route: '',
  methods: undefined,
  isVersioned: false,
  id: '',
  innerId: '',
}
const versionStart = `${versionPrefix}/`

/** What stands for a parameter where routes are looked up: no path of a request has a space. */
const anyId = ' '
const anyRest = `${anyId}*`
const routeOf = (path: string): string => path.replaceAll(/:\w+/g, anyId)

const isOffered = (method: string, { methods }: Found): boolean =>
  methods !== undefined && (method === 'OPTIONS' || methods.has(method))

/** What OPTIONS answers, of a path or of the whole server. */
const allowing = (allow: string): Reply => withoutBody(204, ['Allow', allow])

/** What is no encoding of anything stays as it is: the parameter's shape refuses it. */
const decoded = (id: string): string => {
  if (!id.includes('%')) return id
  try {
    return decodeURIComponent(id)
  } catch {
    return id
  }
}

const checkOf = ({ query }: Request, served: Served): LimitCheck | undefined => {
  const { check, limitedWith, checkWithout } = served
  const isWith = limitedWith === undefined || new URLSearchParams(query).has(limitedWith)
  return isWith ? check : checkWithout
}

const serverFailed = new Problem(failed)

const causeOf = ({ cause }: Problem) => (cause instanceof Error ? cause.message : cause)

const noHeaders: readonly string[] = []

/** `reply`, which says how the request is called, and what its endpoint and its limit say. */
const named = (
  reply: Reply,
  requestId: string,
  fields: readonly string[],
  limitHeaders: readonly string[],
): Reply => {
  const { status, headers, body, tail, stream, close } = reply
  // In front: uWebSockets.js writes Content-Length last. In loops: concat() costs ten times as much.
  const all = ['X-Request-Id', requestId]
  for (const one of fields) all.push(one)
  for (const one of limitHeaders) all.push(one)
  for (const one of headers) all.push(one)
  if (stream) return { status, headers: all, body, stream, close }
  return tail ? { status, headers: all, body, tail, close } : { status, headers: all, body, close }
}

/** A request, what it is called, and what was found for it. */
type Received = {
  readonly request: Request
  readonly requestId: string
  readonly found: Found
  readonly startedMs: number
  /** What its limit says, once that was asked. */
  limitHeaders: readonly string[]
}

/** Of which request an error is. */
type Failed = Pick<Received, 'request' | 'requestId'> & {
  readonly found: Pick<Found, 'route'>
}

type Served = {
  /** Headers of each of its answers. */
  readonly fields: readonly string[]
  readonly needsToken: boolean
  readonly check: LimitCheck | undefined
  readonly limitedWith: string | undefined
  readonly checkWithout: LimitCheck | undefined
  readonly run: Run
}

type Found = {
  readonly route: string
  readonly methods: ReadonlyMap<string, Served> | undefined
  /** Whether its path may begin with a version. */
  readonly isVersioned: boolean
  readonly id: string
  /** Of its second parameter. */
  readonly innerId: string
}

type Route = Found & { readonly methods: Map<string, Served> }
