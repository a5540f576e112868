// Against tables and sums that can be done on paper, and against chance: how often nothing looks like
// something.

import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import { mean, pairedRatio, standardDeviation, studentQuantile } from './statistics.ts'

const near = (value: number | undefined, wanted: number, tolerance = 5e-4) =>
  value !== undefined && Math.abs(value - wanted) <= tolerance * Math.max(1, wanted)

t.test('mean and standard deviation', async (t) => {
  t.equal(mean([2, 4, 9]), 5)
  t.ok(near(standardDeviation([2, 4, 9]), Math.sqrt(26 / 2), 1e-12))
  t.ok(Number.isNaN(mean([])))
})

t.test('t quantiles are those of the printed tables', async (t) => {
  // Two-sided 95%, then 99%, then 99.9%.
  const table: readonly (readonly [number, number, number, number])[] = [
    [1, 12.706, 63.657, 636.619],
    [2, 4.303, 9.925, 31.599],
    [3, 3.182, 5.841, 12.924],
    [4, 2.776, 4.604, 8.61],
    [5, 2.571, 4.032, 6.869],
    [6, 2.447, 3.707, 5.959],
    [9, 2.262, 3.25, 4.781],
    [10, 2.228, 3.169, 4.587],
    [29, 2.045, 2.756, 3.659],
    [120, 1.98, 2.617, 3.373],
  ]
  for (const [freedom, ...quantiles] of table) {
    for (const [index, share] of [0.95, 0.99, 0.999].entries()) {
      const value = studentQuantile(freedom, share)
      t.ok(near(value, quantiles[index] ?? NaN), `df ${freedom}, ${share}: ${value}`)
    }
  }
})

t.test('a paired ratio, computed by hand', async (t) => {
  // Logs of the ratios: ln 1.1, ln 1.2, ln 1.3 = 0.09531, 0.18232, 0.26236. Mean 0.18000, standard
  // deviation 0.08355, half interval 4.303 x 0.08355 / sqrt 3 = 0.20756.
  const pairs = [[10, 11] as const, [100, 120] as const, [1, 1.3] as const]
  const found = pairedRatio(pairs)
  t.ok(near(found?.ratio, Math.exp(0.18)))
  t.ok(near(found?.low, Math.exp(0.18 - 0.20756)))
  t.ok(near(found?.high, Math.exp(0.18 + 0.20756)))
  t.match(found, { pairs: 3, isReal: false })
})

t.test('the other way round it is the reciprocal', async (t) => {
  const pairs = [[1, 2] as const, [1, 2.1] as const, [1, 1.9] as const]
  const there = pairedRatio(pairs)
  const back = pairedRatio(pairs.map(([a, b]) => [b, a]))
  t.match(there, { isReal: true })
  t.ok(near(1 / (there?.low ?? 0), back?.high ?? NaN, 1e-9))
})

t.test('rounds that differ from each other do not hide a difference within each', async (t) => {
  const found = pairedRatio([100, 50, 200, 80, 120].map((a, i) => [a, a * (1.1 + i / 1000)]))
  t.match(found, { isReal: true })
  t.ok(near(found?.ratio, 1.102, 1e-3))
})

t.test('two pairs are refused, and so is what has no ratio', async (t) => {
  t.equal(
    pairedRatio([
      [1, 2],
      [1, 2],
    ]),
    null,
  )
  for (const wrong of [0, -1, NaN, Infinity]) {
    const pairs = [[1, 2] as const, [1, 2] as const, [1, wrong] as const]
    t.throws(() => pairedRatio(pairs), /positive/)
  }
})

t.test('identical rounds have an interval of one point', async (t) => {
  const same = [[2, 2] as const, [3, 3] as const, [4, 4] as const]
  t.match(pairedRatio(same), { ratio: 1, low: 1, high: 1, isReal: false })
})

t.test(
  'of comparisons with nothing behind them, about one family in twenty finds any',
  async (t) => {
    const random = seeded(t)
    const noise = () => Math.exp(0.05 * normal(random.next))
    const families = 1_500
    const found = (comparisons: number, corrected: number) => {
      let wrong = 0
      for (let family = 0; family < families; family++) {
        const rounds = Array.from({ length: 5 }, noise)
        const ratios = Array.from({ length: comparisons }, () =>
          pairedRatio(
            rounds.map((a) => [a, noise()]),
            corrected,
          ),
        )
        if (ratios.some((ratio) => ratio?.isReal)) wrong++
      }
      return wrong / families
    }
    // 1,500 families at 5%: a standard error of 0.6%; the bounds are more than five of them away.
    const one = found(1, 1)
    t.ok(one > 0.02 && one < 0.085, `${one}`)
    t.ok(found(6, 6) < 0.085, 'corrected for six')
    t.ok(found(6, 1) > 0.1, 'without the correction it would be more')
  },
)

/** Box and Muller. */
const normal = (next: () => number) =>
  Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
