// Part of the table that both engines answer alike: what CORS adds, by its setting.

import { head, newRequestId, noRequestId, type Case } from './conformance-cases.ts'

/** The origin that `CORS_ORIGINS` names beside another one. */
export const ours = 'https://app.example'
/** How a web view names its own pages. */
const webView = 'tauri://localhost'
export const someOrigins = `${ours},http://localhost:5173,${webView}`
/** CORS_REQUEST_HEADERS */
export const moreHeaders = 'X-Datadog-Trace-Id,newrelic'

const get = (target: string, ...lines: string[]) => head('GET', target, lines)
const from = (origin: string) => `Origin: ${origin}`
const preflight = (target: string, origin: string) =>
  head('OPTIONS', target, [from(origin), 'Access-Control-Request-Method: PUT'])

const allow = (origin: string) => `access-control-allow-origin: ${origin}`
const expose =
  'access-control-expose-headers: Accept-Encoding, Accept-Patch, Accept-Post, Allow, ETag, Link, List-Version, Location, Missing-Shards, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, Write-Position, X-Request-Id'
const grants = [
  'access-control-allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE',
  'access-control-allow-headers: authorization, baggage, content-type, idempotency-key, if-match, if-none-match, list-version-min, prefer, sentry-trace, traceparent, tracestate, write-position-min, x-request-id, x-datadog-trace-id, newrelic',
  'access-control-max-age: 7200',
]
const vary = 'vary: Origin'
const nothing = [
  'access-control-allow-origin',
  'access-control-expose-headers',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-max-age',
]
const credentials = 'access-control-allow-credentials'

/** One target of each kind: ready lists, lists that are not, one that is compressed, the others. */
const targets: readonly (readonly [string, number, 'ready'?])[] = [
  ['/todos', 200, 'ready'],
  ['/todos?limit=10', 200, 'ready'],
  ['/todos?limit=%32', 200],
  ['/todos?limit=2&x=1', 400],
  ['/todos?limit=0', 400],
  ['/todos/none', 404],
  ['/health', 200],
  ['/nothing', 404],
]

const each = (
  name: string,
  request: (target: string) => string,
  expected: Pick<Case, 'headers' | 'absent'>,
  /** Lists that are ready go through the application where the answer depends on who asks. */
  onReadyLists: typeof newRequestId | typeof noRequestId = noRequestId,
): Case[] =>
  targets.map(([target, status, ready]) => ({
    name: `${name}: ${target}`,
    request: request(target),
    status,
    ...expected,
    requestId: ready ? onReadyLists : newRequestId,
  }))

/** Without the setting nothing is different for a request that names its origin. */
export const corsOffCases: Case[] = [
  ...each('CORS off', (target) => get(target, from(ours)), { absent: nothing }),
  {
    name: 'a preflight, CORS off',
    request: preflight('/todos/a', ours),
    status: 204,
    headers: ['allow: GET, HEAD, PUT, PATCH, DELETE, OPTIONS'],
    absent: nothing,
  },
]

/** For `CORS_ORIGINS=*`. */
export const corsAnyCases: Case[] = [
  ...each('any origin', (target) => get(target, from('https://b.example')), {
    headers: [allow('*'), expose],
    absent: [credentials],
  }),
  ...each('any origin, none named', get, { headers: [allow('*'), expose] }),
  {
    name: 'a list that the client has',
    status: 304,
    headers: [allow('*'), expose],
    request: get('/todos?limit=10', 'If-None-Match: *'),
  },
  {
    name: 'no token',
    request: head('DELETE', '/todos/a', [from('null')]),
    status: 401,
    headers: [allow('*'), expose],
  },
  ...['/todos', '/todos/a', '/nothing'].map((target) => ({
    name: `a preflight for ${target}`,
    request: preflight(target, 'null'),
    status: 204,
    headers: [allow('*'), ...grants],
    absent: [credentials],
    body: '',
  })),
  {
    name: 'OPTIONS that is no preflight',
    status: 204,
    headers: [allow('*'), expose, 'allow: GET, HEAD, POST, OPTIONS'],
    absent: ['access-control-allow-methods'],
    request: head('OPTIONS', '/todos', [from(ours)]),
  },
]

/** For `CORS_ORIGINS=${someOrigins}`. */
export const corsSomeCases: Case[] = [
  ...[ours, 'http://localhost:5173', webView].flatMap((origin) =>
    each(
      `from ${origin}`,
      (target) => get(target, from(origin)),
      { headers: [allow(origin), expose, vary], absent: [credentials] },
      newRequestId,
    ),
  ),
  ...[
    'https://b.example',
    'null',
    'http://app.example',
    'https://app.example:8443',
    'https://app.example.b.example',
    'https://APP.example',
    'tauri://localhost:1',
    'capacitor://localhost',
    `${ours}, ${ours}`,
    '',
  ].flatMap((origin) =>
    each(
      `from ${origin || 'nowhere'}`,
      (target) => get(target, from(origin)),
      { headers: [vary], absent: nothing },
      origin === '' ? noRequestId : newRequestId,
    ),
  ),
  // A cache in between must not take this one for the answer to a page.
  ...each('no origin named', get, { headers: [vary], absent: nothing }),
  {
    name: 'two Origins',
    status: 200,
    headers: [vary],
    absent: nothing,
    request: get('/todos', from(ours), from(ours)),
    requestId: newRequestId,
  },
  {
    name: 'a list that the page has',
    status: 304,
    headers: [allow(ours), expose, vary],
    request: get('/todos?limit=10', from(ours), 'If-None-Match: *'),
    requestId: newRequestId,
  },
  {
    name: 'no token',
    request: head('DELETE', '/todos/a', [from(ours)]),
    status: 401,
    headers: [allow(ours), expose, vary],
  },
  ...['/todos', '/todos/a', '/nothing'].map((target) => ({
    name: `a preflight for ${target}`,
    request: preflight(target, ours),
    status: 204,
    headers: [allow(ours), ...grants, vary],
    absent: [credentials],
    body: '',
  })),
  {
    name: "a stranger's preflight",
    request: preflight('/todos', 'null'),
    status: 204,
    headers: [vary, 'allow: GET, HEAD, POST, OPTIONS'],
    absent: nothing,
  },
]
