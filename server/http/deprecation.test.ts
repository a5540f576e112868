// An endpoint that is deprecated says so: in each of its answers, on both engines, and in the document.

import t from 'tap'
import { createTokenVerifier, signToken } from '../../lib/accounts/access-token.ts'
import { nobody, publicEndpoint } from '../../testing/endpoint.ts'
import { engineNames, exchange, headerOf, serve } from '../../testing/engines/harness.ts'
import { greet } from '../../testing/fixtures/greet.ts'
import { silentLog, testSecret } from '../../testing/settings.ts'
import { about } from '../features/docs/about.ts'
import { createAuthenticate } from '../identity/authenticate.ts'
import { withoutBody } from './contract/answer.ts'
import { documentOf } from './contract/document.ts'
import type { Endpoint } from './contract/endpoint.ts'
import { createRouter } from './router.ts'

const since = new Date('2026-02-01T00:00:00Z')
const ending: Endpoint = {
  ...greet,
  deprecation: { since, sunset: new Date('2026-08-01T00:00:00Z') },
}
const announced: Endpoint = {
  ...publicEndpoint('GET', '/announced', () => withoutBody(204)),
  deprecation: { since },
}
const current = publicEndpoint('GET', '/current', () => withoutBody(204))

const bearer = `Authorization: Bearer ${signToken(testSecret, 'ann', 60)}`
const json = ['Content-Type: application/json', 'Content-Length: 14']
const request = (method: string, target: string, lines: readonly string[] = [], body = '') =>
  [`${method} ${target} HTTP/1.1`, 'Host: a', ...lines, '', body].join('\r\n')

for (const engine of engineNames) {
  void t.test(engine, async (t) => {
    const handle = createRouter({
      ...nobody,
      authenticate: createAuthenticate(createTokenVerifier(testSecret)),
      endpoints: [ending, announced, current],
      log: silentLog,
    })
    const port = await serve(t, engine, { ready: () => undefined, handle })
    const path = '/api/guests/bob/greeting'
    for (const [status, bytes] of [
      [200, request('PATCH', path, [bearer, ...json], '{"name":"Bob"}')],
      [200, request('PATCH', `/v1${path}`, [bearer, ...json], '{"name":"Bob"}')],
      [400, request('PATCH', path, [bearer, ...json], '{"nime":"Bob"}')],
      [401, request('PATCH', path)],
    ] as const) {
      const [answer] = await exchange(port, bytes)
      t.equal(answer?.status, status)
      t.equal(headerOf(answer, 'Deprecation'), '@1769904000')
      t.equal(headerOf(answer, 'Sunset'), 'Sat, 01 Aug 2026 00:00:00 GMT')
    }
    const [soon] = await exchange(port, request('GET', '/announced'))
    t.equal(headerOf(soon, 'Deprecation'), '@1769904000')
    t.equal(headerOf(soon, 'Sunset'), undefined, 'when it ends is not decided')
    const [other] = await exchange(port, request('GET', '/current'))
    t.equal(other?.status, 204)
    t.equal(headerOf(other, 'Deprecation'), undefined)
  })
}

void t.test('the document', (t) => {
  const { paths } = documentOf([ending, current], about)
  const { patch } = paths['/api/guests/{id}/greeting'] ?? {}
  t.equal(patch?.deprecated, true)
  for (const [status, response] of Object.entries(patch?.responses ?? {}))
    t.ok('headers' in response && response.headers?.['Deprecation'], status)
  t.equal(paths['/current']?.get?.deprecated, undefined)
  t.end()
})
