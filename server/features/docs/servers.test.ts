// The document says where the server is that was asked: its Host, and https only if a proxy that is
// trusted says so. Nothing else of a request gets into it.

import t from 'tap'
import { document, endpoints } from '../../../testing/openapi/document.ts'
import { createClientOf } from '../../http/client-address.ts'
import type { Request } from '../../http/engines/engine.ts'
import { createRouter } from '../../http/router.ts'
import { nobody } from '../../../testing/endpoint.ts'
import { silentLog } from '../../../testing/settings.ts'
import { getOpenApi } from './get-open-api.ts'

const ask = async (headers: Readonly<Record<string, string>>, trustedProxies = '') => {
  const handle = createRouter({
    ...nobody,
    endpoints,
    clientOf: createClientOf(trustedProxies),
    log: silentLog,
  })
  const request = {
    method: 'GET',
    path: '/openapi.json',
    query: '',
    header: (name) => headers[name],
    remoteAddress: () => '10.0.0.1',
    body: () => Promise.reject(new Error('nobody reads it')),
  } satisfies Request
  const { status, headers: given, body } = await handle(request)
  const text = body.toString()
  const etag = given[given.indexOf('ETag') + 1] ?? ''
  const document = text === '' ? undefined : (JSON.parse(text) as { servers: { url: string }[] })
  return { status, etag, text, urls: document?.servers.map(({ url }) => url) }
}

t.test('it is the Host, by plain HTTP', async (t) => {
  for (const host of ['a', 'todos.example:8080', '127.0.0.1:80', '[::1]:8080', 'EXAMPLE.com']) {
    t.same((await ask({ host })).urls, [`http://${host}`])
  }
  t.same((await ask({})).urls, ['/'], 'HTTP/1.0 without one')
})

t.test('what is no host is not repeated', async (t) => {
  const hosts = ['a"}],"x":[{"', 'a/b', 'u@a', 'a b', 'a\r\nb', '<a>', 'a%00', 'a:99999', '$&', '']
  for (const host of hosts) {
    const { urls, text } = await ask({ host })
    t.same(urls, ['/'], host)
    t.notMatch(text, '"x":[{')
  }
})

t.test('https is taken from a proxy that is trusted, and from nobody else', async (t) => {
  const headers = { host: 'a', 'x-forwarded-proto': 'https' }
  t.same((await ask(headers)).urls, ['http://a'])
  t.same((await ask(headers, '10.0.0.2')).urls, ['http://a'])
  t.same((await ask(headers, '10.0.0.1')).urls, ['https://a'])
  for (const scheme of ['http', 'HTTPS', 'javascript', 'https, http', '']) {
    t.same((await ask({ ...headers, 'x-forwarded-proto': scheme }, '10.0.0.1')).urls, ['http://a'])
  }
})

t.test('each form has an ETag of its own, which is good for that form only', async (t) => {
  const [a, b] = [await ask({ host: 'a' }), await ask({ host: 'b' })]
  t.not(a.etag, b.etag)
  t.equal((await ask({ host: 'a' })).etag, a.etag)
  const again = { host: 'a', 'if-none-match': a.etag }
  t.match(await ask(again), { status: 304, etag: a.etag, text: '' })
  t.match(await ask({ ...again, host: 'b' }), { status: 200, etag: b.etag })
})

t.test('PUBLIC_API_URL is where clients are sent, whatever they asked', async (t) => {
  const shown = getOpenApi(() => document, 'https://api.example/todos')
  const handle = createRouter({
    ...nobody,
    endpoints: [shown],
    clientOf: createClientOf(''),
    log: silentLog,
  })
  const { body } = await handle({
    method: 'GET',
    path: '/openapi.json',
    query: '',
    header: (name) => (name === 'host' ? 'internal:8080' : undefined),
    remoteAddress: () => '10.0.0.1',
    body: () => Promise.reject(new Error('nobody reads it')),
  })
  t.match(JSON.parse(body.toString()), { servers: [{ url: 'https://api.example/todos' }] })
})
