// The simulation against what is known on paper: one queue, a full closed loop, cores that are shared.

import t, { type Test } from 'tap'
import { ceilingOf } from './limits.ts'
import { simulate, type SimulatedTier } from './simulate.ts'

const seed = 1
const requests = 300_000

const isNear = (t: Test, found: number, wanted: number, share: number, what: string) =>
  t.ok(Math.abs(found / wanted - 1) <= share, `${what}: ${found}, on paper ${wanted}`)

const tier = (name: string, threads: number, demandUs: number): SimulatedTier => ({
  name,
  threads,
  demandUs,
})

void t.test('one queue of independent requests is M/M/1', (t) => {
  const demandUs = 10
  for (const use of [0.3, 0.6, 0.8]) {
    const machine = { cores: 1, tiers: [tier('server', 1, demandUs)] }
    const perSecond = (use / demandUs) * 1e6
    const found = simulate(machine, { kind: 'open', perSecond, connections: 100 }, requests, seed)
    const meanUs = demandUs / (1 - use)
    isNear(t, found.meanUs, meanUs, 0.05, `mean at ${use}`)
    isNear(t, found.p50Us, meanUs * Math.LN2, 0.05, `median at ${use}`)
    isNear(t, found.p99Us, meanUs * Math.log(100), 0.1, `p99 at ${use}`)
    isNear(t, found.perSecond, perSecond, 0.02, 'what comes goes')
    isNear(t, found.cores['server'] ?? NaN, use, 0.02, 'the utilization law')
  }
  t.end()
})

void t.test('a full closed loop reaches its bound, and obeys the law', (t) => {
  for (const [cores, processes] of [
    [8, 1],
    [8, 2],
    [2, 1],
    [2, 4],
  ] as const) {
    const tiers = [tier('generator', 1, 4), tier('server', processes, 10)]
    const load = { kind: 'closed', connections: 256, pipelining: 2 } as const
    const found = simulate({ cores, tiers }, load, requests, seed)
    const known = tiers.map(({ name, threads, demandUs }) => ({
      name,
      coresMax: threads,
      demand: demandUs,
      cores: NaN,
    }))
    const bound = ceilingOf(known, cores).perSecond
    t.ok(found.perSecond <= bound * 1.01, `${found.perSecond} of ${bound}`)
    t.ok(found.perSecond >= bound * 0.93, `${found.perSecond} of ${bound}`)
    // L = X W: what is in flight is what was configured.
    isNear(t, (found.perSecond * found.meanUs) / 1e6, 512, 0.02, 'in flight')
  }
  t.end()
})

void t.test('two tiers in a row, each with threads of its own', (t) => {
  const machine = { cores: 8, tiers: [tier('nginx', 2, 14), tier('server', 1, 5)] }
  const load = { kind: 'open', perSecond: 80_000, connections: 10_000 } as const
  const found = simulate(machine, load, requests, seed)
  // Jackson: as if each were alone. 40,000 a second for each of nginx's threads.
  isNear(t, found.meanUs, 14 / (1 - 0.56) + 5 / (1 - 0.4), 0.05, 'mean')
  t.end()
})

void t.test('few connections fall unevenly on the processes', (t) => {
  const machine = { cores: 8, tiers: [tier('generator', 4, 1), tier('server', 4, 10)] }
  const rate = (connections: number) =>
    simulate(machine, { kind: 'closed', connections, pipelining: 1 }, requests, seed).perSecond
  t.ok(rate(4) < rate(4_000))
  t.end()
})

void t.test('a turn is shared by what waits, and a switch is paid where cores are shared', (t) => {
  const server = { ...tier('server', 1, 10), turnUs: 10 }
  const run = (cores: number, connections: number, more: Partial<SimulatedTier> = {}) =>
    simulate(
      { cores, tiers: [tier('generator', 1, 1), { ...server, ...more }] },
      { kind: 'closed', connections, pipelining: 1 },
      requests / 10,
      seed,
    )
  isNear(t, run(2, 1).turns['server'] ?? NaN, 1, 0.01, 'one in flight: a turn for each')
  isNear(t, run(2, 1).perSecond, 1e6 / 21, 0.02, 'nothing overlaps')
  const many = run(2, 1_000)
  t.ok((many.turns['server'] ?? NaN) < 0.01, 'a thousand in flight: hardly any')
  isNear(t, many.perSecond, 1e5, 0.02, 'the request alone')
  t.equal(many.switches['server'], 0, 'with a core of its own')
  const shared = run(1, 1, { switchUs: 20 })
  isNear(t, shared.switches['server'] ?? NaN, 1, 0.01, 'on one core each answer is a switch')
  isNear(t, shared.perSecond, 1e6 / 41, 0.02, 'which is paid')
  t.end()
})

void t.test('what else is busy takes cores away', (t) => {
  const machine = { cores: 1, tiers: [tier('server', 1, 10)], otherCores: 0.25 }
  const load = { kind: 'closed', connections: 100, pipelining: 1 } as const
  isNear(
    t,
    simulate(machine, load, requests, seed).perSecond,
    75_000,
    0.05,
    'three quarters are left',
  )
  t.end()
})

void t.test('the same seed, the same answer', (t) => {
  const machine = { cores: 2, tiers: [tier('server', 2, 10)] }
  const run = (seed: number) =>
    simulate(machine, { kind: 'open', perSecond: 100_000, connections: 9 }, 10_000, seed)
  t.same(run(7), run(7))
  t.not(run(7).meanUs, run(8).meanUs)
  t.end()
})
