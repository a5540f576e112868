// Requests a second and their 99th percentile, from totals of processes that come and go.

import t from 'tap'
import { trafficBetween, type Totals } from './traffic.ts'

const totals = (requests: number, ...counts: number[]): Totals => ({
  requests,
  durations: [0.001, 0.01, 0.1, Number.MAX_VALUE].map(
    (seconds, i) => [seconds, counts[i] ?? 0] as const,
  ),
})
const sample = (atMs: number, ...all: Totals[]) => ({ atMs, totals: new Map(all.entries()) })

t.test('adds up what all processes did between two moments', async (t) => {
  const earlier = sample(1_000, totals(100, 50, 50, 50, 50), totals(10, 0, 0, 0, 0))
  const later = sample(6_000, totals(200, 60, 140, 149, 150), totals(60, 0, 0, 0, 0))
  const { perSecond, seconds, p99Ms } = trafficBetween(earlier, later)
  t.same([perSecond, seconds], [30, 5])
  // 100 timed: 10 to 1 ms, 80 to 10 ms, 9 to 100 ms and one above. The 99th is the last of those below.
  t.equal(Math.round(p99Ms ?? 0), 100)
})

t.test('is even between two bounds, and no more than the last of them', async (t) => {
  const none = totals(0, 0, 0, 0, 0)
  const p99Of = (...counts: number[]) =>
    trafficBetween(sample(0, none), sample(1_000, totals(0, ...counts))).p99Ms ?? -1
  t.equal(Math.round(p99Of(100, 100, 100, 100) * 100) / 100, 0.99)
  t.equal(Math.round(p99Of(0, 100, 100, 100) * 100) / 100, 9.91)
  t.equal(p99Of(0, 0, 0, 100), 100, 'longer than any bound')
  t.equal(p99Of(0, 0, 0, 0), -1, 'nothing was timed')
})

t.test('a process that reported once is in it later', async (t) => {
  const earlier = { atMs: 0, totals: new Map([[1, totals(10, 1, 1, 1, 1)]]) }
  const later = {
    atMs: 1_000,
    totals: new Map([
      [1, totals(20, 2, 2, 2, 2)],
      [2, totals(5_000, 0, 0, 0, 5_000)],
    ]),
  }
  t.match(trafficBetween(earlier, later), { perSecond: 10, p99Ms: 0.99 })
})
