// Service demands, and ceilings on figures that can be checked on paper.

import t from 'tap'
import type { TierUse } from '../result.ts'
import { ceilingOf, limitOf, type LimitInput } from './limits.ts'

const tier = (name: string, cores: number, coresMax: number, perSecond = 100_000): TierUse => ({
  name,
  cores,
  coresMax,
  demand: (cores / perSecond) * 1e6,
})
const input = (tiers: readonly TierUse[], some: Partial<LimitInput> = {}): LimitInput => ({
  tiers,
  cores: 8,
  goodPerSecond: 100_000,
  otherCores: 0,
  isGeneratorFull: false,
  isOpenLoop: false,
  ...some,
})

void t.test('a full tier is the limit, and says its ceiling', (t) => {
  const limit = limitOf(input([tier('generator', 1, 4), tier('server', 1.96, 2)]))
  t.equal(limit?.by, 'server')
  // 2 cores / 19.6 us.
  t.equal(limit?.ceilingPerSecond, 102_041)
  t.ok(Math.abs((limit?.coresFor[0]?.cores['server'] ?? 0) - 9.8) < 1e-9)
  t.ok(Math.abs((limit?.coresFor[1]?.cores['generator'] ?? 0) - 10) < 1e-9)
  t.end()
})

void t.test('a full generator is said, unless what is behind it is full as well', (t) => {
  const full = { isGeneratorFull: true }
  t.equal(limitOf(input([tier('generator', 1, 1), tier('server', 0.5, 2)], full))?.by, 'generator')
  t.equal(limitOf(input([tier('generator', 1, 1), tier('server', 1.9, 2)], full))?.by, 'server')
  t.end()
})

void t.test('cores that everybody shares', (t) => {
  const tiers = [tier('generator', 0.9, 1), tier('server', 1.05, 2)]
  t.equal(limitOf(input(tiers, { cores: 2 }))?.by, 'the machine')
  t.equal(limitOf(input(tiers))?.by, 'neither')
  t.match(limitOf(input(tiers, { isOpenLoop: true }))?.explanation, /sends at a fixed rate/)
  t.end()
})

void t.test('the least of the ceilings', (t) => {
  // 10 us in the server, 5 in the generator.
  const tiers = [tier('generator', 0.5, 4), tier('server', 1, 4)]
  t.same(ceilingOf(tiers, 8), { perSecond: 400_000, by: 'server' })
  t.equal(Math.round(ceilingOf(tiers, 2).perSecond), 133_333)
  t.equal(ceilingOf(tiers, 2).by, 'the machine')
  t.end()
})

void t.test('nothing known, nothing said', (t) => {
  t.equal(limitOf(input([tier('generator', 1, 1)])), null)
  t.equal(limitOf(input([tier('server', 1, 1)], { goodPerSecond: 0 })), null)
  t.end()
})
