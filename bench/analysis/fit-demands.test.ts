// Demands are found again from what a simulation with known ones would have measured.

import t from 'tap'
import { fitDemands, solve, type MeasuredDemands } from './fit-demands.ts'
import { simulate, type SimulatedTier } from './simulate.ts'

const tier = (name: string, demandUs: number, turnUs = 0, switchUs = 0): SimulatedTier => ({
  name,
  threads: 1,
  demandUs,
  turnUs,
  switchUs,
})
const loads = [
  { cores: 2, otherCores: 0.1, connections: 64 },
  { cores: 2, otherCores: 0.1, connections: 4 },
  { cores: 1, otherCores: 0.1, connections: 8 },
] as const

const measureAs = (tiers: readonly SimulatedTier[]): MeasuredDemands[] =>
  loads.map(({ cores, otherCores, connections }) => {
    const load = { kind: 'closed', connections, pipelining: 1 } as const
    const found = simulate({ cores, otherCores, tiers }, load, 100_000, 7)
    const demandsUs = Object.fromEntries(
      Object.entries(found.cores).map(([name, used]) => [name, (used * 1e6) / found.perSecond]),
    )
    return { cores, otherCores, load, demandsUs }
  })

void t.test('a request, a turn and a switch are told apart', async (t) => {
  const known = [tier('generator', 6, 8, 12), tier('server', 5, 10, 20)]
  const guess = [tier('generator', 10), tier('server', 10)]
  const fitted = fitDemands(guess, measureAs(known))
  for (const [i, one] of known.entries()) {
    for (const cost of ['demandUs', 'turnUs', 'switchUs'] as const) {
      const share = (fitted[i]?.[cost] ?? 0) / (one[cost] ?? NaN)
      t.ok(Math.abs(share - 1) < 0.25, `${cost} of ${one.name}: ${share} of it`)
    }
  }
  // What they cost under another load is what counts.
  const load = { kind: 'closed', connections: 64, pipelining: 1 } as const
  const inFour = (tiers: readonly SimulatedTier[]) =>
    simulate(
      { cores: 2, tiers: tiers.map((one) => ({ ...one, threads: one.name === 'server' ? 4 : 1 })) },
      load,
      100_000,
      3,
    ).perSecond
  const share = inFour(fitted) / inFour(known)
  t.ok(Math.abs(share - 1) < 0.05, `${share} of it, with ${JSON.stringify(fitted)}`)
  t.ok(inFour(guess) > inFour(known) * 1.05 || inFour(guess) < inFour(known) * 0.95)
})

void t.test('demands that do not depend on load stay what they are', async (t) => {
  const fitted = fitDemands([tier('server', 3)], measureAs([tier('server', 9)]))
  t.match(fitted, [{ demandUs: Number }])
  t.ok(Math.abs((fitted[0]?.demandUs ?? 0) / 9 - 1) < 0.05, JSON.stringify(fitted))
})

void t.test(
  'no cost is below 0, and what the measurements do not tell apart is not made up',
  async (t) => {
    const same = { request: 1, turn: 1, switched: 0, us: 10 }
    const { requestUs: alone, ...others } = solve([same, same])
    t.ok(Math.abs(alone - 10) < 0.001)
    t.same(others, { turnUs: 0, switchUs: 0 })
    const falling = [
      { request: 1, turn: 0, switched: 0, us: 10 },
      { request: 1, turn: 1, switched: 0, us: 8 },
    ]
    const { requestUs, turnUs } = solve(falling)
    t.equal(turnUs, 0)
    t.ok(requestUs > 8 && requestUs < 10, `${requestUs}`)
  },
)
