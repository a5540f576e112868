// An endpoint that is added as one file is routed, checked, limited, counted, allowed to pages of other
// origins and described, without another line anywhere.

import { Registry } from '@prometheus-io/client'
import t, { type Test } from 'tap'
import { createTokenVerifier, signToken } from '../../../lib/accounts/access-token.ts'
import { openLimiter } from '../../../lib/rate-limit/open.ts'
import { exchange, headerOf, serve, type Answer } from '../../../testing/engines/harness.ts'
import { greet } from '../../../testing/fixtures/greet.ts'
import { nobody } from '../../../testing/endpoint.ts'
import { createAnswerCheck } from '../../../testing/openapi/answer-check.ts'
import { endpoints } from '../../../testing/openapi/document.ts'
import { testDatabase } from '../../../testing/services.ts'
import { silentLog, testConfig, testSecret } from '../../../testing/settings.ts'
import { about } from '../../features/docs/about.ts'
import { renderPage } from '../../features/docs/page.ts'
import { createAuthenticate } from '../../identity/authenticate.ts'
import { createLimitChecks } from '../../limits/limits.ts'
import { limitPolicies } from '../../../lib/rate-limit/request-policies.ts'
import { createClientOf } from '../client-address.ts'
import { readCors, withCors } from '../cors.ts'
import { databasesOf } from '../../../testing/databases.ts'
import { openRedis } from '../../../lib/drivers/redis/connections.ts'
import { addRequestMetrics } from '../metrics.ts'
import { createRouter } from '../router.ts'
import { documentOf } from './document.ts'
import { endpoint, methodsOf } from './endpoint.ts'
import { problemCatalogue } from './problem-catalogue.ts'

const all = [...endpoints, greet]
const document = documentOf(all, about)
/** Limit for all that the test sends with a token, before it provokes a refusal. */
const limit = 12

/** The parts of a server process around the endpoints, limits counted by Postgres. */
const start = async (t: Test) => {
  const config = testConfig({
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    DATABASE_URL: await testDatabase(t),
    LIMIT_USER_REQUESTS: String(limit),
    LIMIT_TIMEOUT_MS: '10000',
  })
  const policies = limitPolicies(config)
  const databases = databasesOf(config)
  const redis = openRedis(config.REDIS_URL, silentLog)
  t.teardown(async () => {
    redis.close()
    await databases.close()
  })
  const limiter = openLimiter(config, databases, redis, policies, silentLog)
  await limiter.open()
  const registry = new Registry()
  const handle = createRouter({
    endpoints: all,
    authenticate: createAuthenticate(createTokenVerifier(testSecret)),
    requireSystemAdmin: nobody.requireSystemAdmin,
    clientOf: createClientOf(''),
    limits: createLimitChecks(limiter, policies),
    log: silentLog,
    onAnswered: addRequestMetrics(registry),
  })
  const app = withCors(readCors('*'), methodsOf([greet]), { ready: () => undefined, handle })
  return { port: await serve(t, 'node', app), registry }
}

const bearer = `Authorization: Bearer ${signToken(testSecret, 'ann', 60)}`
const json = 'Content-Type: application/json'
const head = (method: string, target: string, lines: readonly string[]) =>
  [`${method} ${target} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n')

void t.test('a new endpoint', async (t) => {
  const { port, registry } = await start(t)
  const check = createAnswerCheck(document)
  const ask = async (target: string, body: string, lines: readonly string[] = [bearer, json]) => {
    const length = `Content-Length: ${Buffer.byteLength(body)}`
    const [answer] = await exchange(port, head('PATCH', target, [...lines, length]) + body)
    return answer as Answer
  }
  const cases: readonly (readonly [
    string,
    number,
    object,
    string,
    (string | undefined)?,
    string[]?,
  ])[] = [
    ['routed', 200, { text: 'ann: Hello, Bob' }, ''],
    ['given its query', 200, { text: 'ANN: HELLO, BOB' }, '?tone=loud'],
    ['asked for a token', 401, {}, '', undefined, [json]],
    ['checked: path', 400, { field: 'id' }, '.'],
    ['checked: query', 400, { field: 'tone', detail: 'tone must be loud or soft' }, '?tone=x'],
    ['checked: names', 400, { field: 'ton', detail: /did you mean tone\?$/ }, '?ton=loud'],
    ['checked: media type', 415, { field: 'Content-Type' }, '', undefined, [bearer]],
    ['checked: JSON', 400, { field: 'body' }, '', '{'],
    ['checked: member', 400, { field: 'name', detail: 'name is required' }, '', '{}'],
    ['checked: length', 400, { field: 'name', detail: /1 to 20 characters/ }, '', `{"name":""}`],
    ['checked: size', 413, {}, '', ' '.repeat(20_000)],
  ]
  for (const [name, status, body, rest, text = '{"name":"Bob"}', lines] of cases) {
    await t.test(`is ${name}`, async (t) => {
      const [before = '', query] = rest.split('?')
      const target = `/api/guests/bob${before}/greeting${query === undefined ? '' : `?${query}`}`
      const answer = await ask(target, text, lines)
      t.equal(answer.status, status)
      t.match(JSON.parse(answer.body), body)
      check.check(t, 'greet', answer)
    })
  }

  await t.test('refuses in its own words', async (t) => {
    const answer = await ask('/api/guests/nobody/greeting', '{"name":"Bob"}')
    t.match(JSON.parse(answer.body), { status: 404, detail: 'there is nobody to greet' })
    check.check(t, 'greet', answer)
  })

  await t.test('is limited', async (t) => {
    const last = await ask('/api/guests/bob/greeting', '{"name":"Bob"}')
    t.equal(last.status, 200)
    t.match(headerOf(last, 'RateLimit'), /^"user";r=0;/)
    const refused = await ask('/api/guests/bob/greeting', '{"name":"Bob"}')
    t.equal(refused.status, 429)
    check.check(t, 'greet', refused)
  })

  await t.test('is counted by its path', async (t) => {
    const page = await registry.metrics()
    const labels =
      'http_request_method="PATCH",http_route="/api/guests/:id/greeting",http_response_status_code="200"'
    t.match(page, `http_server_requests_total{${labels}} 3`)
  })

  await t.test('is allowed to pages of other origins', async (t) => {
    const lines = ['Origin: https://b.example', 'Access-Control-Request-Method: PATCH']
    const [preflight] = await exchange(port, head('OPTIONS', '/api/guests/bob/greeting', lines))
    t.equal(preflight?.status, 204)
    t.equal(headerOf(preflight, 'Access-Control-Allow-Methods'), 'PATCH')
    t.same(methodsOf(all), ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
  })

  await t.test('is 405 for other methods', async (t) => {
    const [answer] = await exchange(port, head('GET', '/api/guests/bob/greeting', []))
    t.equal(answer?.status, 405)
    t.equal(headerOf(answer, 'Allow'), 'PATCH, OPTIONS')
  })
})

t.test('it is in the document and on the page', async (t) => {
  const { patch } = document.paths['/api/guests/{id}/greeting'] ?? {}
  t.match(patch, {
    operationId: 'greet',
    security: [{ bearer: [] }],
    tags: ['Guests'],
    requestBody: { content: { 'application/json': { schema: { $ref: /NewGreeting$/ } } } },
  })
  t.same(Object.keys(patch?.responses ?? {}), [
    '200',
    '400',
    '401',
    '404',
    '408',
    '413',
    '415',
    '429',
    '431',
    '500',
    '503',
  ])
  t.match(document.components.schemas, {
    NewGreeting: { properties: { name: { minLength: 1, maxLength: 20 } }, required: ['name'] },
  })
  t.ok(document.tags.some(({ name }) => name === 'Guests'))
  const text = renderPage(document, problemCatalogue([greet]))
  for (const expected of ['Greet a guest', '/api/guests/{id}/greeting', 'Nobody is there.']) {
    t.ok(text.includes(expected), expected)
  }
})

t.test('what can not be is refused when the process starts', async (t) => {
  const parts = {
    authenticate: createAuthenticate(createTokenVerifier(testSecret)),
    requireSystemAdmin: nobody.requireSystemAdmin,
    clientOf: createClientOf(''),
    limits: {},
    log: silentLog,
  }
  t.throws(() => createRouter({ ...parts, endpoints: [greet, greet] }), /is there twice/)
  const nameless = {
    method: 'GET',
    path: '/guests/:id',
    operationId: 'x',
    summary: 'x',
    tag: greet.tag,
    auth: 'none',
    responses: [],
    handler: () => Promise.reject(new Error('nobody asks')),
  } as const
  t.throws(() => endpoint(nameless), { message: '/guests/:id: its parameters are none' })
})
