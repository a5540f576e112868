// Web pages that call by gRPC-Web or Connect: those of the origins that HTTP allows, and no others.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { readCors } from '../http/cors.ts'
import { withBrowsers } from './browsers.ts'

const page = 'https://app.example'

const serve = async (t: Test, origins: string): Promise<string> => {
  const handler = withBrowsers(readCors(origins), (_, response) => {
    response.statusCode = 200
    response.end('handled')
  })
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const preflight = (origin: string) => ({
  method: 'OPTIONS',
  headers: { origin, 'access-control-request-method': 'POST' },
})

t.test('an origin that is allowed', async (t) => {
  const url = await serve(t, page)
  const asked = await fetch(url, preflight(page))
  t.equal(asked.status, 204)
  t.equal(asked.headers.get('access-control-allow-origin'), page)
  t.match(asked.headers.get('access-control-allow-headers'), /grpc-timeout.*authorization/i)
  const called = await fetch(url, { method: 'POST', headers: { origin: page } })
  t.equal(await called.text(), 'handled')
  t.equal(called.headers.get('access-control-allow-origin'), page)
  t.match(called.headers.get('access-control-expose-headers'), /grpc-status.*ETag/i)
  t.equal(called.headers.get('vary'), 'Origin')
})

t.test('an origin that is not', async (t) => {
  const answer = await fetch(await serve(t, page), preflight('https://evil.example'))
  t.equal(await answer.text(), 'handled', 'it is no preflight of ours')
  t.equal(answer.headers.get('access-control-allow-origin'), null)
})

t.test('every origin, and none', async (t) => {
  const any = await fetch(await serve(t, '*'), preflight(page))
  t.equal(any.headers.get('access-control-allow-origin'), '*')
  const none = await fetch(await serve(t, ''), preflight(page))
  t.equal(none.headers.get('access-control-allow-origin'), null)
})
