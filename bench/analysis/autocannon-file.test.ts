// Files that autocannon wrote, judged as they are. Those of older versions are stored. Those of the
// pinned one are made here, against a server that answers well, badly, wrongly or not at all.

import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { Check } from '../result.ts'
import { parseAutocannon } from './autocannon-file.ts'
import { checksOfClaims } from './claims.ts'

const run = promisify(execFile)
const fixtures = new URL('fixtures/', import.meta.url)
const autocannon = createRequire(import.meta.url).resolve('autocannon/autocannon.js')

const judge = (json: unknown) => {
  const claims = parseAutocannon(json)
  if (!claims) throw new Error("not autocannon's")
  const checks = checksOfClaims(claims)
  const named = (name: string): Check | undefined => checks.find((one) => one.name === name)
  return { claims, checks, named }
}

const failedOf = (json: unknown) =>
  judge(json).checks.flatMap(({ name, verdict }) => (verdict === 'fail' ? [name] : []))

t.test('good files of every version are valid, whatever they say of their workers', (t) => {
  for (const file of readdirSync(fixtures).filter((name) => name.startsWith('autocannon-'))) {
    const json = JSON.parse(readFileSync(new URL(file, fixtures), 'utf8')) as object
    t.strictSame(failedOf(json), [], file)
    if (judge(json).claims.threads > 1) continue
    for (const workers of [undefined, null, 0, 1, '0', '1']) {
      const { claims, named } = judge({ ...json, workers })
      t.equal(claims.threads, 1, `${file}: workers ${workers}`)
      t.match(named('the generator could')?.value, /on 1 thread$/)
    }
  }
  t.end()
})

const body = JSON.stringify(Array.from({ length: 10 }, (_, i) => ({ id: `t${i}`, title: 'Milk' })))

const answerAfterMs = 5

/** What `autocannon --json` writes of one or two seconds. */
const fileOf = async (t: Test, listener: RequestListener, args: readonly string[]) => {
  // Late, or each would have both cores for a second or two, and how much it gets proves nothing.
  const server = createServer((request, response) => {
    setTimeout(() => listener(request, response), answerAfterMs)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const { stdout } = await run(process.execPath, [autocannon, '--json', ...args, url])
  return JSON.parse(stdout) as Record<string, unknown>
}

const good: RequestListener = (_, response) => response.end(body)
/** Every tenth answer is another. */
const now = (other: RequestListener): RequestListener => {
  let count = 0
  return (request, response) => (++count % 10 === 0 ? other : good)(request, response)
}

t.test('threads and connections of the pinned autocannon', async (t) => {
  for (const { args, threads, connections } of [
    { args: ['-c', '4'], threads: 1, connections: 4 },
    { args: ['-c', '4', '-w', '1'], threads: 1, connections: 4 },
    { args: ['-c', '4', '-w', '4'], threads: 4, connections: 4 },
    { args: ['-c', '5', '-w', '2'], threads: 2, connections: 4 },
  ]) {
    const { claims, named } = judge(await fileOf(t, good, ['-d', '1', ...args]))
    t.match(claims, { threads, connections }, args.join(' '))
    t.equal(named('answers without errors')?.verdict, 'ok')
    t.match(named('one sample a second')?.value, / of [1-9]/)
  }
})

t.test('averages are of samples, which need not be seconds', async (t) => {
  const { claims } = judge(await fileOf(t, good, ['-d', '1', '-L', '250']))
  t.equal(claims.sampleMs, 250)
  const name = new URL('autocannon-9.0.0.json', fixtures)
  const json = JSON.parse(readFileSync(name, 'utf8')) as Record<
    'requests' | 'throughput',
    { average: number }
  > & { samples: number }
  const halved = (of: { average: number }) => ({ ...of, average: of.average / 2 })
  const sampledTwice = {
    ...json,
    sampleInt: 500,
    samples: json.samples * 2,
    requests: halved(json.requests),
    throughput: halved(json.throughput),
  }
  t.strictSame(failedOf(sampledTwice), [])
  t.ok(failedOf({ ...sampledTwice, sampleInt: 1_000 }).length > 0)
})

t.test('answers that are not what was asked for make a file invalid', async (t) => {
  const expect = ['-E', body]
  const refused: RequestListener = (_, response) => response.writeHead(503).end(body)
  const wrong: RequestListener = (_, response) => response.end('[]')
  const cut: RequestListener = (request) => request.socket.destroy()
  const silent: RequestListener = () => {}
  const cases = [
    { title: 'every body wrong', listener: wrong, args: expect, check: 'bodies as expected' },
    { title: 'some bodies wrong', listener: now(wrong), args: expect, check: 'bodies as expected' },
    { title: 'all refused', listener: refused, args: [], check: 'answers without errors' },
    { title: 'some refused', listener: now(refused), args: [], check: 'answers without errors' },
    { title: 'some cut', listener: now(cut), args: [], check: 'sent against completed' },
    {
      title: 'some never',
      listener: now(silent),
      args: ['-t', '1'],
      check: 'answers without errors',
    },
    { title: 'nothing answered', listener: silent, args: ['-t', '1'], check: 'it answers' },
  ]
  await Promise.all(
    cases.map(async ({ title, listener, args, check }) => {
      const json = await fileOf(t, listener, ['-c', '2', '-d', '2', ...args])
      const { checks, named } = judge(json)
      t.equal(named(check)?.verdict, 'fail', `${title}: ${JSON.stringify(checks)}`)
    }),
  )
})

t.test('a time-out is one error, and a sequence that was begun again is no good answer', (t) => {
  const [file = ''] = readdirSync(fixtures)
  const json = JSON.parse(readFileSync(new URL(file, fixtures), 'utf8')) as object
  const timedOut = judge({ ...json, errors: 22, timeouts: 22 }).named('answers without errors')
  t.match(timedOut, { verdict: 'fail', value: /^22 errors/ })
  t.strictSame(failedOf({ ...json, resets: 3 }), ['answers without errors'])
  t.end()
})

t.test('a 304 is a good answer, and one that has no body', async (t) => {
  const unchanged: RequestListener = (_, response) => response.writeHead(304).end()
  const redirected: RequestListener = (_, response) => response.writeHead(302).end()
  const args = ['-c', '2', '-d', '1']
  const all = { ...(await fileOf(t, unchanged, args)), url: 'http://any/todos?limit=10' }
  t.equal(judge(all).named('answers without errors')?.verdict, 'ok')
  t.equal(judge(all).named('bytes per answer possible')?.verdict, 'unknown')
  const some = await fileOf(t, now(unchanged), args)
  t.equal(judge(some).named('answers without errors')?.verdict, 'ok')
  const other = await fileOf(t, redirected, args)
  t.equal(judge(other).named('answers without errors')?.verdict, 'fail')
})
