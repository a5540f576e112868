// The page and its files, on both engines: what is sent in which form, what may be kept, what is refused,
// and that a build which comes later is found.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { buildPage, builtPage, pageFiles } from '../../../testing/built-page.ts'
import {
  comparable,
  engineNames,
  exchange,
  headerOf,
  serveAll,
} from '../../../testing/engines/harness.ts'
import { testDatabase, testTopic } from '../../../testing/services.ts'
import { pagePolicy } from './headers.ts'
import { readBuiltPage, settledAfterMs } from './built-page.ts'

const script = '/app/assets/index-a1.js'
const html = 'Accept: text/html,application/xhtml+xml,*/*;q=0.8'

const get = (target: string, ...headers: string[]) =>
  [`GET ${target} HTTP/1.1`, 'Host: a', ...headers, '', ''].join('\r\n')
const head = (target: string) => get(target).replace('GET', 'HEAD')

/** Both engines: the same bytes. The answer of one. */
const askerOf = (ports: readonly number[]) => async (t: Test, request: string) => {
  const isHead = request.startsWith('HEAD')
  const answers = await Promise.all(ports.map((port) => exchange(port, request, { isHead })))
  const [[first], [second]] = answers as [(typeof answers)[0], (typeof answers)[0]]
  if (!first || !second) throw new Error(`no answer: ${request}`)
  t.same(comparable(second), comparable(first), 'byte for byte')
  return first
}

const start = async (t: Test, directory: string) => {
  const databaseUrl = await testDatabase(t)
  return askerOf(
    await Promise.all(
      engineNames.map((engine) =>
        serveAll(t, {
          engine,
          databaseUrl,
          log: testTopic(),
          more: { PAGE_DIRECTORY: directory, CORS_ORIGINS: 'https://other.example' },
        }),
      ),
    ),
  )
}

void t.test('a page that was built', async (t) => {
  const ask = await start(t, await builtPage(t))

  await t.test('is found at the root by browsers, and by no program', async (t) => {
    const browser = await ask(t, get('/', html))
    t.match(browser, { status: 302, body: '' })
    t.equal(headerOf(browser, 'Location'), '/app')
    t.equal((await ask(t, get('/'))).status, 200)
    t.equal((await ask(t, get('/', 'Accept: application/json'))).status, 200)
  })

  await t.test('is at its own address and at that of each view', async (t) => {
    for (const target of ['/app', '/app/', '/app?from=mail', '/app/verify', '/app/teams/7/todos']) {
      const answer = await ask(t, get(target))
      t.equal(answer.body, pageFiles['index.html'], target)
      t.equal(headerOf(answer, 'Content-Type'), 'text/html; charset=utf-8')
      t.equal(headerOf(answer, 'Cache-Control'), 'no-cache')
      t.equal(headerOf(answer, 'Content-Security-Policy'), pagePolicy)
      for (const [name, value] of Object.entries({
        'X-Content-Type-Options': 'nosniff',
        'X-Frame-Options': 'DENY',
        'Referrer-Policy': 'same-origin',
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Access-Control-Allow-Origin': undefined,
      }))
        t.equal(headerOf(answer, name), value, name)
      const lines = `If-None-Match: ${headerOf(answer, 'ETag')}`
      t.match(await ask(t, get(target, lines)), { status: 304, body: '' })
    }
    t.notMatch(pagePolicy, /unsafe|\*/, 'no script that stands in a page, and no eval')
  })

  await t.test('has files that never change, and others', async (t) => {
    for (const [name, text] of Object.entries(pageFiles)) {
      const answer = await ask(t, get(`/app/${name}`))
      t.match(answer, { status: 200, body: text }, name)
      const caching = headerOf(answer, 'Cache-Control')
      t.equal(/immutable/.test(caching ?? ''), name.startsWith('assets/'), `${name}: ${caching}`)
      const bare = await ask(t, head(`/app/${name}`))
      t.match(bare, { status: 200, body: '' })
      for (const header of ['ETag', 'Content-Type', 'Content-Length'])
        t.equal(headerOf(bare, header), headerOf(answer, header), `${name} ${header}`)
    }
    const worker = await ask(t, get('/app/sw.js'))
    t.equal(headerOf(worker, 'Service-Worker-Allowed'), '/app')
    t.match(headerOf(worker, 'Content-Type'), 'text/javascript')
  })

  await t.test('is sent in the form that a client takes', async (t) => {
    const tags = new Set<string | undefined>()
    for (const [accept, coding] of [
      ['gzip', 'gzip'],
      ['br, gzip', 'br'],
      ['identity', undefined],
      ['*;q=0, gzip', 'gzip'],
    ] as const) {
      const answer = await ask(t, get(script, `Accept-Encoding: ${accept}`))
      t.equal(headerOf(answer, 'Content-Encoding'), coding, accept)
      t.equal(headerOf(answer, 'Vary'), 'Accept-Encoding')
      tags.add(headerOf(answer, 'ETag'))
      const lines = [`Accept-Encoding: ${accept}`, `If-None-Match: ${headerOf(answer, 'ETag')}`]
      t.equal((await ask(t, get(script, ...lines))).status, 304)
    }
    t.equal(tags.size, 3, 'each form has a name of its own')
    const short = await ask(t, get('/app/assets/index-b2.css', 'Accept-Encoding: br'))
    t.equal(headerOf(short, 'Content-Encoding'), undefined, 'too short to gain from it')
    for (const target of [script, '/app/icon.png']) {
      const refused = await ask(t, get(target, 'Accept-Encoding: *;q=0'))
      t.match(refused, { status: 406, body: /not-acceptable/ })
    }
  })

  await t.test('has no other file, however it is spelled', async (t) => {
    for (const target of [
      '/app/assets/index-a2.js',
      '/app/assets/',
      '/app/assets/index-a1.js/',
      '/app/none.css',
      '/app/../package.json',
      '/app/..%2f..%2fpackage.json',
      '/app/%2e%2e/%2e%2e/package.json',
      '/app/assets/../../../package.json',
      '/app/.//etc/passwd.txt',
    ]) {
      const answer = await ask(t, get(target))
      t.match(answer, { status: 404, body: /no-such-page-file|no-such-resource/ }, target)
      t.equal(headerOf(answer, 'Cache-Control'), 'no-store')
    }
    for (const target of ['/application', '/v1/app', '/app%00', '/App'])
      t.match(await ask(t, get(target)), { status: 404, body: /no-such-resource/ }, target)
    t.match(await ask(t, get('/app').replace('GET', 'DELETE')), { status: 405 })
  })
})

void t.test('a page that is built while the server runs', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'page-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const ask = await start(t, directory)
  for (const target of ['/app', '/app/todos', script]) {
    const answer = await ask(t, get(target))
    t.match(answer, { status: 404, body: /page-not-built/ }, target)
    t.match(answer.body, 'npm run build:web', 'it says what to do')
  }
  t.equal(headerOf(await ask(t, get('/', html)), 'Location'), '/docs')
  await buildPage(directory)
  t.equal(headerOf(await ask(t, get('/', html)), 'Location'), '/app')
  t.equal((await ask(t, get('/app'))).body, pageFiles['index.html'])
})

void t.test('a build is read when nothing has been written for a while', async (t) => {
  const directory = await builtPage(t)
  await buildPage(directory, new Date(1_000_000))
  t.equal(await readBuiltPage(directory, () => 1_000_000 + settledAfterMs - 1), undefined)
  const files = await readBuiltPage(directory, () => 1_000_000 + settledAfterMs)
  t.same(files?.map(({ name }) => name).sort(), Object.keys(pageFiles).sort())
  const forms = files?.find(({ name }) => name === 'assets/index-a1.js')?.forms
  const text = pageFiles['assets/index-a1.js']
  t.equal(brotliDecompressSync(forms?.br ?? '').toString(), text)
  t.equal(gunzipSync(forms?.gzip ?? '').toString(), text)
  await writeFile(join(directory, 'index.html'), '')
  t.equal(await readBuiltPage(directory), undefined, 'it is being built again')
  await rm(join(directory, 'index.html'))
  t.equal(await readBuiltPage(directory), undefined, 'without a page there is none')
  t.equal(await readBuiltPage(join(directory, 'none')), undefined)
})
