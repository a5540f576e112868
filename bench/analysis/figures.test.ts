// What of a cell may be compared: all of a sound one, CPU alone where the generator was full, nothing
// where anything else failed.

import t from 'tap'
import type { Cell } from '../result.ts'
import { checksOf } from './checks.ts'
import { figuresOf, percentileCheck, starvationChecks } from './figures.ts'
import { fixtureCell } from '../../testing/bench/fixture-cell.ts'

const context = { listsAreStill: true, engine: 'node', leadInSeconds: 1 } as const

const judged = (some: Partial<Cell> = {}): Cell => {
  const cell = fixtureCell(some)
  return { ...cell, checks: checksOf(cell, context) }
}

t.test(
  'a sound cell gives all its figures; CPU is that of all tiers but the generator',
  async (t) => {
    t.match(figuresOf(judged()), {
      goodput: 50_000,
      cpu: 20,
      p99: 2_000,
      fault: null,
      isGeneratorFull: false,
      limitedBy: 'server',
    })
  },
)

t.test('a full generator leaves only the CPU', async (t) => {
  const generator = { loopUtilization: 0.99, loopLagP99Ms: 1, cpuShare: 0.9 }
  const onlyCpu = { goodput: null, cpu: 20, p99: null, fault: null, isGeneratorFull: true }
  t.match(figuresOf(judged({ generator })), onlyCpu)
  const limit = { by: 'generator', explanation: '', ceilingPerSecond: 1, coresFor: [] }
  t.match(figuresOf(judged({ limit })), onlyCpu)
})

t.test('what a starved generator says of itself is forgiven it, and of no other', async (t) => {
  const requestsAverage = 3_900_000
  const autocannon = { ...fixtureCell().autocannon!, requestsAverage, samples: 2 }
  t.match(figuresOf(judged({ autocannon })), { goodput: null, cpu: null, fault: /average x/ })
  const generator = { loopUtilization: 1, loopLagP99Ms: 900, cpuShare: 1 }
  t.match(figuresOf(judged({ autocannon, generator })), { cpu: 20, fault: null })
})

t.test('wrong answers take everything with them, a full generator or not', async (t) => {
  const samples = { taken: 10, wrong: 1, complaint: 'cut', bodies: 1, matchesAtEnd: true }
  for (const loopUtilization of [0.5, 1]) {
    const generator = { loopUtilization, loopLagP99Ms: 1, cpuShare: 0.5 }
    t.match(figuresOf(judged({ samples, generator })), {
      goodput: null,
      cpu: null,
      p99: null,
      fault: /sampled bodies match the database: 10 read, 1 wrong.*wanted: none wrong/,
    })
  }
})

t.test('too few latencies cost the percentile alone', async (t) => {
  const cell = judged({ latency: { ...fixtureCell().latency!, count: 500 } })
  t.match(figuresOf(cell), { goodput: 50_000, cpu: 20, p99: null, fault: null })
})

t.test('no figure is zero or unknown: a ratio needs both', async (t) => {
  const elsewhere = { tiers: fixtureCell().tiers.slice(0, 1), limit: null, latency: null }
  t.match(figuresOf(judged(elsewhere)), { goodput: 50_000, cpu: null, p99: null, limitedBy: null })
})

t.test('the checks that are forgiven exist by these names', async (t) => {
  const names = [
    ...judged().checks.map(({ name }) => name),
    ...judged({ autocannon: null }).checks.map(({ name }) => name),
  ]
  for (const name of [...starvationChecks, percentileCheck]) t.ok(names.includes(name), name)
})
