// Every path of the API is there under its version as well, with the same bytes, on both engines: ready
// lists from the fast path too, one at a time and pipelined.

import t from 'tap'
import { seed } from '../../../scripts/seed.ts'
import {
  comparable,
  engineNames,
  exchange,
  headerOf,
  serveAll,
} from '../../../testing/engines/harness.ts'
import { bearerOf } from '../../../testing/openapi/ask.ts'
import { endpoints } from '../../../testing/openapi/document.ts'
import { testDatabase, testTopic } from '../../../testing/services.ts'
import { eventually } from '../../../testing/eventually.ts'

const request = (method: string, target: string, lines: readonly string[] = []) =>
  [`${method} ${target} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n')

/** Answered with ready bytes, which name no request. */
const ready = ['/todos?limit=10', '/todos?limit=1', '/todos']
const others: readonly (readonly [method: string, target: string, ...lines: string[]])[] = [
  ['HEAD', '/todos?limit=10'],
  ['GET', '/todos?limit=%31'],
  ['GET', '/%74odos?limit=2'],
  ['GET', '/todos?limit=0'],
  ['GET', '/todos?x=1'],
  ['GET', '/todos?limit=10', 'Accept-Encoding: *;q=0'],
  ['GET', '/todos/a.b?limit=1'],
  ['POST', '/auth/login', 'Content-Length: 0'],
  ['OPTIONS', '/todos'],
]
const unversioned = ['/health', '/ready', '/ping', '/openapi.json', '/docs', '/']

for (const engine of engineNames) {
  void t.test(engine, async (t) => {
    const databaseUrl = await testDatabase(t)
    await seed({ databaseUrl, count: 20 }, () => {})
    const port = await serveAll(t, {
      engine,
      databaseUrl,
      log: testTopic(),
      // Their counts would differ.
      more: { LIMIT_ADDRESS_BURST: '0', LIMIT_USER_REQUESTS: '0' },
    })
    const answered = async (method: string, target: string, lines: readonly string[] = []) => {
      const isHead = method === 'HEAD'
      const [answer] = await exchange(port, request(method, target, lines), { isHead })
      if (!answer) throw new Error(`no answer: ${method} ${target}`)
      return answer
    }

    await t.test('ready lists', async (t) => {
      for (const target of ready) {
        const plain = await eventually(
          () => answered('GET', target),
          (answer) => headerOf(answer, 'X-Request-Id') === undefined,
        )
        const versioned = await answered('GET', `/v1${target}`)
        t.same(comparable(versioned), comparable(plain), target)
        t.equal(headerOf(versioned, 'X-Request-Id'), undefined, 'from the fast path')
        const copies = request('GET', `/v1${target}`).repeat(16)
        const many = await exchange(port, copies, { count: 16 })
        t.equal(many.length, 16)
        for (const one of many) t.same(comparable(one), comparable(plain))
        const held = [`If-None-Match: ${headerOf(plain, 'ETag')}`]
        t.equal((await answered('GET', `/v1${target}`, held)).status, 304)
      }
    })

    await t.test('every endpoint, and odd requests', async (t) => {
      const each = endpoints
        .filter(({ tag }) => !tag.isUnversioned)
        .map(({ method, path }) => [method, path.replaceAll(/:\w+/g, 'none')] as const)
      const reads = each
        .filter(([method]) => method === 'GET')
        .map(([method, target]) => [method, target, bearerOf('ann')] as const)
      const all = [...each, ...reads, ...others]
      for (const [method, target, ...lines] of all) {
        const [plain, versioned] = [
          await answered(method, target, lines),
          await answered(method, `/v1${target}`, lines),
        ]
        t.same(comparable(versioned), comparable(plain), `${method} ${target}`)
        t.not(plain.status, undefined)
      }
      t.comment(`${all.length} requests`)
    })

    await t.test('what is no part of a version, and no version', async (t) => {
      for (const path of unversioned) {
        t.not((await answered('GET', path)).status, 404, path)
        t.equal((await answered('GET', `/v1${path}`)).status, 404, `/v1${path}`)
      }
      for (const target of [
        '/v1',
        '/v1todos?limit=10',
        '/v1/v1/todos?limit=10',
        '/v2/todos',
        '/V1/todos',
      ])
        t.equal((await answered('GET', target)).status, 404, target)
    })
  })
}
