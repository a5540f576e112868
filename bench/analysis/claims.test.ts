// The published 500k figures, and autocannon's own JSON, held against the laws.

import { readFileSync } from 'node:fs'
import t from 'tap'
import type { Check } from '../result.ts'
import { parseAutocannon } from './autocannon-file.ts'
import { checksOfClaims, parseClaims, type Claims } from './claims.ts'

const published = parseClaims(
  JSON.parse(readFileSync(new URL('../published/500k.json', import.meta.url), 'utf8')),
)!
const verdictsOf = (claims: Claims) =>
  new Map(checksOfClaims(claims).map((one): [string, Check] => [one.name, one]))

void t.test('the published figures: what their analysis checked comes out as it says', (t) => {
  const checks = verdictsOf(published)
  const total = checks.get('average x duration = total')
  t.equal(total?.verdict, 'ok')
  t.match(total?.value, /500,023\/s x 60\.01 s = 30,006,407, counted 30,001,000 \(\+0\.02%\)/)
  const bytes = checks.get('bytes per answer as said')
  t.equal(bytes?.verdict, 'ok')
  t.match(bytes?.value, /381\.7 \(decimal\) or 409\.8 \(binary\), said 400/)
  const little = checks.get("Little's law")
  t.equal(little?.verdict, 'ok')
  t.match(little?.value, /160,0\d\d in flight, of 160,000/)
  t.end()
})

void t.test('and what it missed is found', (t) => {
  const checks = verdictsOf(published)
  const possible = checks.get('bytes per answer possible')
  t.equal(possible?.verdict, 'fail', 'ten todos do not fit into 410 bytes')
  t.match(possible?.meaning, /10 todos do not fit/)
  t.match(checks.get('bytes a second x duration = bytes')?.value, /\+2\.41% .* \+0\.01%/)
  t.equal(checks.get('bytes a second x duration = bytes')?.verdict, 'warn')
  t.match(checks.get('latency says something of its own')?.value, /320\.\d ms/)
  t.equal(checks.get('latency says something of its own')?.verdict, 'warn')
  t.equal(checks.get('the generator could')?.verdict, 'warn')
  t.match(checks.get('CPU for each request')?.value, /20\.0 us/)
  t.equal(checks.get('answers without errors')?.verdict, 'unknown')
  t.equal(checks.get('sent against completed')?.verdict, 'unknown')
  t.end()
})

const own = {
  url: 'http://localhost:8080/todos?limit=10',
  connections: 10,
  pipelining: 1,
  start: '2026-11-21T00:00:00.000Z',
  duration: 10.01,
  samples: 10,
  requests: { average: 20_000, total: 200_000, sent: 200_010 },
  latency: { average: 0.01, p99: 1 },
  throughput: { average: 50_000_000, total: 500_000_000 },
  errors: 0,
  timeouts: 0,
  non2xx: 0,
}

void t.test("autocannon's own JSON is read", (t) => {
  const claims = parseAutocannon(own)
  t.ok(claims)
  const failed = (json: unknown) =>
    checksOfClaims(parseAutocannon(json)!).flatMap(({ name, verdict }) =>
      verdict === 'fail' ? [name] : [],
    )
  t.same(failed(own), [])
  // 0.01 ms x 20,000/s is 0.2 of the 10 in flight: its clock is too coarse to say so.
  t.equal(verdictsOf(claims!).get("Little's law")?.verdict, 'unknown')
  t.same(failed({ ...own, non2xx: 190_000 }), ['answers without errors'])
  t.same(failed({ ...own, requests: { ...own.requests, average: 28_000 } }), [
    'average x duration = total',
  ])
  t.same(failed({ ...own, requests: { ...own.requests, sent: 206_000 } }), [
    'sent against completed',
  ])
  t.same(failed({ ...own, samples: 5 }), ['one sample a second'])
  t.same(failed({ ...own, latency: { average: 19.9, p99: 60 } }), ["Little's law"])
  // Another API's todos may be smaller than ours.
  t.same(failed({ ...own, throughput: { average: 8e6, total: 80e6 } }), [])
  t.end()
})

void t.test('anything else is neither', (t) => {
  t.equal(parseAutocannon({ rows: [] }), undefined)
  t.equal(parseClaims({ rows: [] }), undefined)
  t.end()
})
