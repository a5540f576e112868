// Which web pages of other origins may call the API from a browser (the Fetch standard's CORS
// protocol). Off unless set. No credentials: such a page sends the token
// itself, and the one cookie is for the page of this server.

import { decidedBy, type App, type Reply, type Request } from './engines/engine.ts'

export type Cors =
  | { readonly kind: 'off' }
  | { readonly kind: 'any'; readonly requestHeaders: string }
  /** Answers depend on who asks. */
  | {
      readonly kind: 'some'
      readonly requestHeaders: string
      readonly origins: ReadonlySet<string>
    }

/** What the settings CORS_ORIGINS and CORS_REQUEST_HEADERS say. */
export const readCors = (origins: string, moreHeaders = ''): Cors => {
  if (origins === '') return { kind: 'off' }
  const requestHeaders = [...requestHeadersAlways, moreHeaders].filter(Boolean).join(', ')
  if (origins === '*') return { kind: 'any', requestHeaders }
  return { kind: 'some', requestHeaders, origins: new Set(origins.split(',')) }
}

/** Those that endpoints read, and those that tracers add to every request of a page. */
const requestHeadersAlways = [
  'authorization',
  'baggage',
  'content-type',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'list-version-min',
  'prefer',
  'sentry-trace',
  'traceparent',
  'tracestate',
  'write-position-min',
  'x-request-id',
]

/** What pages may read besides the headers that they always may. */
const exposed =
  'Accept-Encoding, Accept-Patch, Accept-Post, Allow, ETag, Link, List-Version, Location, Missing-Shards, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, Write-Position, X-Request-Id'

const allow = (origin: string) => [
  'Access-Control-Allow-Origin',
  origin,
  'Access-Control-Expose-Headers',
  exposed,
]
const varyByOrigin = ['Vary', 'Origin']

/** Headers of the ready-made lists, so that they need not be touched per request. */
export const listHeadersOf = (cors: Cors): readonly string[] => {
  switch (cors.kind) {
    case 'off':
      return []
    case 'any':
      return allow('*')
    case 'some':
      return varyByOrigin
  }
}

const preflightOf = (methods: readonly string[], requestHeaders: string): Reply => ({
  status: 204,
  headers: [
    'Access-Control-Allow-Methods',
    methods.join(', '),
    'Access-Control-Allow-Headers',
    requestHeaders,
    'Access-Control-Max-Age',
    // Two hours: Chromium keeps it no longer, whatever is said.
    '7200',
  ],
  body: Buffer.alloc(0),
  close: false,
})

/** `app`, with what CORS adds to its answers. `methods`: those of all its endpoints. */
export const withCors = (cors: Cors, methods: readonly string[], app: App): App => {
  if (cors.kind === 'off') return app
  const preflight = preflightOf(methods, cors.requestHeaders)
  const isAllowed = (origin: string) => cors.kind === 'any' || cors.origins.has(origin)

  const headersFor = (origin: string | undefined): string[] => {
    if (cors.kind === 'any') return allow('*')
    return origin !== undefined && isAllowed(origin)
      ? [...varyByOrigin, ...allow(origin)]
      : varyByOrigin
  }

  return {
    ready: app.ready,
    readyLimitOf: app.readyLimitOf,
    webSockets: app.webSockets,
    // Ready lists name no origin: a request that has one is answered below.
    ...(cors.kind === 'some' && { notReadyWith: 'origin' }),
    handle(request) {
      const origin = request.header('origin')
      const headers = headersFor(origin)
      // For every path: a page can read what is wrong with its request only if that gets through.
      const isDecided = origin !== undefined && isAllowed(origin) && isPreflight(request)
      // Through the application all the same: it names and counts what is answered.
      const reply = app.handle(isDecided ? decidedBy(request, preflight) : request)
      return reply instanceof Promise
        ? reply.then((settled) => addTo(settled, headers))
        : addTo(reply, headers)
    },
  }
}

/**
 * Whether a WebSocket may be opened for a page of the request's origin. Browsers ask nobody before they open
 * one, so that it is refused is up to us. Who sends no Origin is no page.
 */
export const allowsOrigin = (cors: Cors, request: Request): boolean => {
  const origin = request.header('origin')
  if (origin === undefined || cors.kind === 'any') return true
  if (cors.kind === 'some' && cors.origins.has(origin)) return true
  // A page of our own. What ends TLS in front of us is not known here, so the scheme is not compared.
  return URL.canParse(origin) && new URL(origin).host === request.header('host')?.toLowerCase()
}

const isPreflight = (request: Request): boolean =>
  request.decided === undefined &&
  request.method === 'OPTIONS' &&
  request.header('access-control-request-method') !== undefined

/** A list has some of them already. */
const addTo = (reply: Reply, headers: readonly string[]): Reply => {
  const added: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const [name = '', value = ''] = headers.slice(i, i + 2)
    if (!has(reply, name, value)) added.push(name, value)
  }
  // In front: both engines end with Content-Length.
  return { ...reply, headers: [...added, ...reply.headers] }
}

const has = ({ headers }: Reply, name: string, value: string): boolean =>
  headers.some((one, i) => i % 2 === 0 && one === name && headers[i + 1] === value)
