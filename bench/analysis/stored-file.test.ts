// What people bring to bench:analyze: results of ours and of others, as their shells and editors stored
// them. Each is read, or refused by the file's name with what is taken.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { fixtureResult } from '../../testing/bench/fixture-result.ts'
import { checksOfClaims, type Claims } from './claims.ts'
import { recheck } from './recheck.ts'
import { readStored } from './stored-file.ts'

const autocannon = readFileSync(new URL('fixtures/autocannon-9.0.0.json', import.meta.url), 'utf8')
const oneLine = JSON.stringify(JSON.parse(autocannon))
const claims = readFileSync(new URL('../published/500k.json', import.meta.url), 'utf8')

const utf16 = (text: string, order: 'le' | 'be') => {
  const bytes = Buffer.from(text, 'utf16le')
  return order === 'le' ? bytes : bytes.swap16()
}

t.test('a byte order mark and UTF-16 are read', (t) => {
  const plain = readStored('plain.json', Buffer.from(autocannon))
  t.equal(plain.kind, 'claims')
  for (const [name, bytes] of Object.entries({
    'utf8-mark.json': Buffer.from(`\uFEFF${autocannon}`),
    'utf16-le-mark.json': utf16(`\uFEFF${autocannon}`, 'le'),
    'utf16-be-mark.json': utf16(`\uFEFF${autocannon}`, 'be'),
    'utf16-le.json': utf16(autocannon, 'le'),
    'utf16-be.json': utf16(autocannon, 'be'),
    'crlf.json': Buffer.from(`${autocannon.trim()}\r\n\r\n`),
  })) {
    t.same(readStored(name, bytes), plain, name)
  }
  t.end()
})

t.test('what is no result is refused by its name, with what is taken', (t) => {
  const wrk = 'Running 5s test @ http://a\n  2 threads and 2 connections\n'
  for (const [content, why] of [
    ['', /it is empty/],
    [' \r\n', /it is empty/],
    [wrk, /the text that wrk or autocannon prints/],
    [`> todos@0.1.0 bench\n\n${wrk}`, /the text that wrk or autocannon prints/],
    ['Summary:\n  Total: 5 secs', /it is no JSON \(it begins with "Summary:"\)/],
    [`${oneLine}\n${oneLine}\r\n`, /it holds 2 JSON values, one on each line/],
    [autocannon.slice(0, -50), /its JSON is cut or damaged/],
    ['[]', /it holds an array/],
    [`[${autocannon}]`, /it holds an array/],
    ['null', /it holds no object/],
    ['7', /it holds no object/],
    ['{}', /of no kind known here \(none\)/],
    ['{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}', /of no kind known here \(a, b, c, d, e, …\)/],
    [Buffer.from([0x7b, 0x80, 0x7d]), /it is no UTF-8 text/],
  ] as const) {
    t.throws(() => readStored('some.json', Buffer.from(content)), { message: why })
    t.throws(() => readStored('some.json', Buffer.from(content)), {
      message: /^some\.json: .*Expected: one JSON object, of npm run bench, of autocannon --json/s,
    })
  }
  t.end()
})

const without = (json: object, path: string): object => {
  const copy = structuredClone(json)
  const names = path.split('.')
  const last = names.pop() as string
  const holder = names.reduce<object>((one, name) => Reflect.get(one, name) as object, copy)
  Reflect.deleteProperty(holder, last)
  return copy
}

const read = (json: object) => readStored('some.json', Buffer.from(JSON.stringify(json)))

t.test('a member that is missing or wrong is named', (t) => {
  const ours = fixtureResult()
  const theirs = JSON.parse(autocannon) as object
  const published = JSON.parse(claims) as object
  for (const [json, path] of [
    [ours, 'scenario'],
    [ours, 'cells'],
    [ours, 'cells.0.counts.statuses'],
    [ours, 'cells.0.noise.calibrationMs'],
    [theirs, 'latency'],
    [theirs, 'latency.average'],
    [theirs, 'requests.total'],
    [theirs, 'connections'],
    [theirs, 'duration'],
    [published, 'latencyMs.mean'],
    [published, 'seconds'],
    [published, 'sent'],
  ] as const) {
    const named = path.replace('.0', '[0]')
    const message = (error: Error) => error.message.includes(`, ${named} is missing: `)
    try {
      read(without(json, path))
      t.fail(path)
    } catch (error) {
      t.ok(message(error as Error), (error as Error).message)
    }
  }
  t.throws(() => read({ kind: 'claims' }), { message: /as claims, source is missing/ })
  t.throws(() => read({ format: 1 }), {
    message: /as a result of npm run bench, verdict is missing: VALID or INVALID is expected/,
  })
  t.throws(() => read({ format: 2 }), { message: /its format is 2, .* reads format 1/ })
  t.throws(() => read({ ...published, seconds: 0 }), { message: /seconds is not a number above 0/ })
  t.throws(() => read({ ...theirs, requests: [] }), { message: /requests is not an object/ })
  t.throws(() => read({ ...ours, cells: {} }), { message: /cells is not an array/ })
  t.end()
})

const claimsOf = (json: object): Claims => {
  const stored = read(json)
  if (stored.kind !== 'claims') throw new Error('not claims')
  return stored.claims
}

t.test('a whole result of ours is read', (t) => {
  const ours = fixtureResult()
  const stored = read(ours)
  t.equal(stored.kind, 'result')
  if (stored.kind === 'result') t.same(recheck(stored.result), recheck(ours))
  t.end()
})

t.test("the size of our todos is expected of this API's answers only", (t) => {
  const possible = (one: Claims) =>
    checksOfClaims(one).find(({ name }) => name === 'bytes per answer possible')
  const published = claimsOf(JSON.parse(claims) as object)
  t.equal(possible(published)?.verdict, 'fail')
  t.match(possible(claimsOf(without(published, 'todosOf'))), {
    verdict: 'unknown',
    meaning: /whose todos these are/,
  })
  // autocannon says where a server was, and not which.
  const file = { ...(JSON.parse(autocannon) as object), url: 'http://any/todos?limit=1000' }
  t.equal(possible(claimsOf(file))?.verdict, 'unknown')
  for (const path of ['/todos-of-others?limit=10', '/todos/7?limit=10']) {
    t.equal(possible({ ...published, path })?.verdict, 'unknown', path)
  }
  t.end()
})
