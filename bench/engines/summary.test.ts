// From samples to what is printed: medians, percentiles, the ratio to the floor, objections to counts,
// and the tables. All numbers can be checked on paper.

import t from 'tap'
import { objectionTo, type Sample } from './measure.ts'
import { median, percentile, spread, summarize } from './summary.ts'
import { layOut, tables } from './table.ts'

const sample = (some: Partial<Sample>): Sample => ({
  name: 'node',
  depth: 80,
  limit: 10,
  requests: 1_000_000,
  seconds: 1,
  serverCpuSeconds: 0.5,
  generatorShare: 0.5,
  latenciesMs: [],
  ...some,
})

t.test('medians, spread and percentiles', async (t) => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5)
  t.ok(Number.isNaN(median([])))
  t.equal(spread([8, 10, 13]), 0.5)
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
  t.equal(percentile(hundred, 0.99), 99)
  t.equal(percentile(hundred, 1), 100)
  t.equal(percentile([7], 0.99), 7)
})

t.test('a row is the median of its rounds, and knows the floor of its own cell', async (t) => {
  const rows = summarize([
    ...[0.5, 0.9, 0.6].map((serverCpuSeconds) => sample({ serverCpuSeconds })),
    ...[0.4, 0.5, 0.3].map((serverCpuSeconds) => sample({ name: 'floor', serverCpuSeconds })),
    sample({ name: 'floor', limit: 1000, serverCpuSeconds: 0.1 }),
  ])
  t.match(rows[0], { cpuUsPerRequest: 0.6, cpuSpread: 0.667, ratioToFloor: 1.5, rounds: 3 })
  t.match(rows[1], { name: 'floor', cpuUsPerRequest: 0.4, ratioToFloor: 1 })
  t.match(rows[2], { limit: 1000, ratioToFloor: 1 })
  t.equal(summarize([sample({})])[0]?.ratioToFloor, null, 'no floor, no ratio')
})

t.test('whose core was full', async (t) => {
  const limitedBy = (serverCpuSeconds: number, generatorShare: number) =>
    summarize([sample({ serverCpuSeconds, generatorShare })])[0]?.limitedBy
  t.equal(limitedBy(0.99, 0.99), 'server')
  t.equal(limitedBy(0.5, 0.96), 'generator')
  t.equal(limitedBy(0.5, 0.5), 'neither')
})

t.test('p99 is the generator’s, else that of all requests timed, else none', async (t) => {
  const p99 = (...samples: Partial<Sample>[]) => summarize(samples.map(sample))[0]
  t.match(p99({ p99Ms: 1 }, { p99Ms: 3 }, { p99Ms: 2 }), { p99Ms: 2, p99From: 'wrk' })
  const fifty = (first: number) => Array.from({ length: 50 }, (_, i) => first + i)
  t.match(p99({ latenciesMs: fifty(1) }, { latenciesMs: fifty(51) }), {
    p99Ms: 99,
    p99From: 'probe',
  })
  t.match(p99({ latenciesMs: fifty(1) }), { p99Ms: null, p99From: 'only 50 requests were timed' })
})

t.test('one round that proves nothing takes the row’s numbers with it', async (t) => {
  const [row] = summarize([sample({}), sample({ invalid: 'no' })])
  t.match(row, { cpuUsPerRequest: null, requestsPerSecond: null, p99Ms: null, invalid: 'no' })
})

t.test('counts must explain every byte', async (t) => {
  const objection = (some: object) =>
    objectionTo({ requests: 1000, bytes: 100_000, durationUs: 1, errors: 0, ...some }, 100, 2)
  t.equal(objection({}), undefined)
  t.equal(objection({ bytes: 101_199 }), undefined, 'two responses were cut')
  t.equal(objection({ bytes: 99_000 }), undefined)
  t.match(objection({ bytes: 101_201 }), /101201 bytes were read/)
  t.match(objection({ bytes: 98_999 }), /1000 responses of 100 make 100000/)
  t.match(objection({ requests: 0 }), /no complete/)
  t.match(objection({ errors: 1 }), /1 errors/)
})

t.test('columns line up, the cheapest comes first, and the notes say what is odd', async (t) => {
  t.equal(
    layOut([
      ['a', 'bb'],
      ['ccc', '1'],
    ]),
    'a    bb\nccc   1',
  )
  const text = tables(
    summarize([
      sample({ name: 'fastify', serverCpuSeconds: 0.95, latenciesMs: Array<number>(100).fill(2) }),
      sample({ name: 'floor', serverCpuSeconds: 0.25, generatorShare: 1, p99Ms: 1 }),
      sample({ name: 'uws-naive', invalid: 'it lost some' }),
    ]),
  )
  const lines = text.split('\n')
  t.match(lines[0], /^depth 80, limit=10 +CPU us\/req +spread +to floor +req\/s/)
  t.match(lines[1], /^floor +0\.250 +0% +1\.00x +1,000,000 \* +1\.00 +25% +100%$/)
  t.match(lines[2], /^fastify +0\.950 +0% +3\.80x +1,000,000 +2\.00 +95% +50%$/)
  t.match(lines[3], /^uws-naive( +-)+$/)
  t.match(text, /\* the generator was the bottleneck/)
  t.match(text, /invalid: uws-naive at depth 80, limit=10: it lost some/)
})
