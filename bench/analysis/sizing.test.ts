// What a rate takes, on figures that can be checked on paper.

import t from 'tap'
import { ceilingsOf, sizeFor, type SizedTier } from './sizing.ts'

const tiers = [
  { name: 'nginx', threads: 2, demandUs: 15, memoryBytes: 2 ** 24 },
  { name: 'server', threads: 1, demandUs: 6, memoryBytes: 2 ** 27 },
]
const purchase = { utilization: 0.6, machineCores: 16, networkGbit: 10, coreHourUsd: 0.04 }

void t.test('500,000 a second of 3,000 bytes', (t) => {
  const size = sizeFor(500_000, tiers, 3_000, purchase)
  t.equal(size.answersGbit, 12)
  t.same(size.tiers, [
    // 7.5 cores of work at 60%.
    { name: 'nginx', cores: 13, machines: 2, memoryGib: 13 / 64 },
    // 5 cores fit one machine; 12 Gbit/s at 60% of a card of 10 take two.
    { name: 'server', cores: 5, machines: 2, memoryGib: 5 / 8 },
  ])
  t.equal(Math.round(size.usdPerMonth), Math.round(4 * 16 * 0.04 * 730))
  // Two queues in a row at 60%: 15 / 0.4 + 6 / 0.4 on average, and the median below.
  t.ok(size.p50Us > 30 && size.p50Us < 52.5, `${size.p50Us}`)
  t.ok(size.p99Us > 150 && size.p99Us < 300, `${size.p99Us}`)
  t.end()
})

void t.test('a turn is shared by few requests where a core is not full', (t) => {
  const [nginx, server] = tiers.map((tier) => ({ ...tier, turnUs: 10 }))
  const size = sizeFor(500_000, [nginx, server] as SizedTier[], 3_000, purchase)
  const [withTurns] = size.tiers
  // At most a turn of its own for each request: (15 + 10) us x 500,000 a second at 60%, of a core each.
  t.ok(withTurns && withTurns.cores > 15 && withTurns.cores <= 21, JSON.stringify(withTurns))
  t.end()
})

void t.test('what is full first', (t) => {
  t.same(
    ceilingsOf(tiers, 3_000, purchase).map(({ what, perSecond }) => [what, Math.round(perSecond)]),
    [
      ['one core of nginx', 66_667],
      ['one core of server', 166_667],
      ['a network card of 10 Gbit/s', 416_667],
      ['one machine of nginx, 16 cores', 1_066_667],
      ['one machine of server, 16 cores', 2_666_667],
    ],
  )
  t.end()
})
