// The fit finds what fixture data were made from, through noise; it refuses what it can't know; and
// no data make it say NaN.

import t from 'tap'
import { randomFrom, type Random } from '../../scripts/random.ts'
import { seeded } from '../../testing/seeded.ts'
import { fitUsl } from './usl.ts'
import { uslAt, type UslParameters } from './usl-curve.ts'

const loads = [1, 2, 4, 8, 16, 32, 64, 128, 256]

const pointsOf = (law: UslParameters, inFlight: readonly number[] = loads, noise = () => 1) =>
  inFlight.map((n) => ({ inFlight: n, measured: uslAt(law, n) * noise() }))

/** Within a few percent of 1, as rounds of a benchmark are. */
const noiseOf = (random: Random, size: number) => () => 1 + size * (2 * random() - 1)

const within = (value: number, wanted: number, share: number) =>
  Math.abs(value - wanted) <= share * wanted

t.test('exact data give back the law that they came from', async (t) => {
  for (const law of [
    { gamma: 1_000, alpha: 0.03, beta: 0.0001 },
    { gamma: 52_000, alpha: 0.2, beta: 0.00002 },
    { gamma: 10, alpha: 0, beta: 0.001 },
  ]) {
    const fit = fitUsl(pointsOf(law))
    for (const name of ['gamma', 'alpha', 'beta'] as const) {
      const value = fit?.[name] ?? NaN
      t.ok(Math.abs(value - law[name]) <= 1e-6 * Math.max(law[name], 1e-3), `${name} ${value}`)
    }
    const peak = Math.sqrt((1 - law.alpha) / law.beta)
    t.ok(within(fit?.peakInFlight ?? NaN, peak, 1e-3))
    t.match(fit?.explanation, `at about N = ${Math.round(peak)}, with`)
  }
})

t.test('from noisy data it finds the parameters, and its intervals mostly hold them', async (t) => {
  const random = seeded(t)
  const runs = 60
  const held = { gamma: 0, alpha: 0, beta: 0 }
  for (let run = 0; run < runs; run++) {
    const law = {
      gamma: 500 + random.below(50_000),
      alpha: 0.01 + 0.1 * random.next(),
      beta: 0.0001 + 0.001 * random.next(),
    }
    const twice = [...loads, ...loads]
    const fit = fitUsl(pointsOf(law, twice, noiseOf(random.next, 0.03)), run)
    if (!fit) throw new Error('no fit')
    t.ok(within(fit.gamma, law.gamma, 0.15), `gamma ${law.gamma}: ${fit.gamma}`)
    t.ok(Math.abs(fit.alpha - law.alpha) < 0.05, `alpha ${law.alpha}: ${fit.alpha}`)
    t.ok(within(fit.beta, law.beta, 0.35), `beta ${law.beta}: ${fit.beta}`)
    const peak = Math.sqrt((1 - law.alpha) / law.beta)
    t.ok(within(fit.peakInFlight ?? NaN, peak, 0.25), `peak ${peak}: ${fit.peakInFlight}`)
    for (const name of ['gamma', 'alpha', 'beta'] as const) {
      const [low, high] = fit.intervals[name]
      t.ok(low <= fit[name] && fit[name] <= high, 'the fit is in its own interval')
      if (low <= law[name] && law[name] <= high) held[name]++
    }
  }
  for (const [name, count] of Object.entries(held)) {
    t.ok(count >= 0.75 * runs, `${name}: ${count} of ${runs}`)
  }
})

t.test('throughput in proportion to the load has no limit, and it says so', async (t) => {
  const fit = fitUsl(pointsOf({ gamma: 800, alpha: 0, beta: 0 }))
  t.match(fit, { alpha: 0, beta: 0, peakInFlight: null })
  t.ok(within(fit?.gamma ?? NaN, 800, 1e-9))
  t.match(fit?.explanation, /no end of it is in sight up to N = 256/)
  t.match(fit?.explanation, /alpha is at its bound of 0/)
  t.match(fit?.explanation, /lie before the knee/)
})

t.test('pure contention levels off without a peak', async (t) => {
  const random = seeded(t)
  const law = { gamma: 1_000, alpha: 0.1, beta: 0 }
  const fit = fitUsl(pointsOf(law))
  t.match(fit, { beta: 0, peakInFlight: null })
  t.ok(within(fit?.alpha ?? NaN, 0.1, 1e-6))
  // 2 (1 + a (N-1)) / (1 + a (2N-1)) = 1.1 at N = 40.5.
  t.match(fit?.explanation, /stops helping at about N = 41: .* less than 10% more/)
  t.match(fit?.explanation, /beta is at its bound of 0/)
  const noisy = fitUsl(pointsOf(law, loads, noiseOf(random.next, 0.03)))
  t.ok(within(noisy?.alpha ?? NaN, 0.1, 0.5), `${noisy?.alpha}`)
})

t.test(
  'a server that is full at any load is one line, and is told that smaller loads lack',
  async (t) => {
    const fit = fitUsl(
      [16, 32, 64, 128, 256, 512].map((inFlight) => ({ inFlight, measured: 70_000 })),
    )
    t.match(fit, { alpha: 1, beta: 0, peakInFlight: null })
    t.match(fit?.explanation, /everything waits in one line/)
    t.match(fit?.explanation, /had stopped helping at the least load measured already \(N = 16\)/)
    t.match(fit?.explanation, /beyond the knee.*add smaller ones/)
  },
)

t.test('a peak far from the loads measured is not claimed', async (t) => {
  // sqrt(0.99 / 0.000001) = 995, and the largest load is 256.
  const far = fitUsl(pointsOf({ gamma: 1_000, alpha: 0.01, beta: 0.000_001 }))
  t.equal(far?.peakInFlight, null)
  t.match(far?.explanation, /too far from the loads measured/)
  t.match(far?.explanation, /Nothing is claimed beyond N = 512/)
  // sqrt(0.99 / 0.000008) = 352: within reach, though not measured.
  const near = fitUsl(pointsOf({ gamma: 1_000, alpha: 0.01, beta: 0.000_008 }))
  t.ok(within(near?.peakInFlight ?? NaN, 351.8, 0.01))
  t.match(near?.explanation, /N = 352 \(itself not measured\)/)
})

t.test('no peak is claimed from a beta that may be nothing', async (t) => {
  const random = seeded(t)
  let claimed = 0
  for (let run = 0; run < 100; run++) {
    const points = pointsOf(
      { gamma: 1_000, alpha: 0.05, beta: 0 },
      loads,
      noiseOf(random.next, 0.05),
    )
    const fit = fitUsl(points, run)
    t.ok(fit?.peakInFlight === null || fit!.intervals.beta[0] > 0)
    if (fit?.peakInFlight !== null) claimed++
  }
  t.ok(claimed < 20, `${claimed} of 100`)
})

t.test('points that no such curve describes are said to be so', async (t) => {
  const odd = [10, 100, 20, 150, 30, 200].map((measured, i) => ({ inFlight: 2 ** i, measured }))
  t.match(fitUsl(odd)?.explanation, /Trust the curve little: it misses the points by at most/)
})

t.test('five different loads are too few, however often they were measured', async (t) => {
  const law = { gamma: 1_000, alpha: 0.1, beta: 0.001 }
  t.equal(fitUsl([]), null)
  t.equal(fitUsl(pointsOf(law, [1, 2, 4, 8, 16, 1, 2, 4, 8, 16])), null)
  t.equal(fitUsl([...pointsOf(law, [1, 2, 4, 8, 16]), { inFlight: 32, measured: 0 }]), null)
  t.ok(fitUsl(pointsOf(law, [1, 2, 4, 8, 16, 32])))
})

t.test('the same seed gives the same intervals, another gives others', async (t) => {
  const random = randomFrom(7)
  const points = pointsOf({ gamma: 900, alpha: 0.02, beta: 0.0005 }, loads, noiseOf(random, 0.05))
  t.strictSame(fitUsl(points, 3), fitUsl(points, 3))
  t.notSame(fitUsl(points, 3)?.intervals, fitUsl(points, 4)?.intervals)
})

t.test('whatever was measured, no number of the fit is NaN or out of its bounds', async (t) => {
  const random = seeded(t)
  const wild: readonly (() => number)[] = [
    () => random.next(),
    () => 10 ** (12 * random.next() - 4),
    () => (random.next() < 0.2 ? 0 : 1_000),
    () => (random.next() < 0.1 ? NaN : 5 + random.next()),
  ]
  const steps: readonly ((i: number) => number)[] = [
    (i) => 2 ** i,
    (i) => 1 + i,
    (i) => 100_000 + i,
    () => 1 + random.below(200_000),
  ]
  let fits = 0
  for (let run = 0; run < 80; run++) {
    const points = Array.from({ length: 6 + random.below(6) }, (_, i) => ({
      inFlight: steps[run % 4]!(i),
      measured: wild[random.below(4)]!(),
    }))
    const fit = fitUsl(points, run)
    if (!fit) continue
    fits++
    const numbers = [
      fit.gamma,
      fit.alpha,
      fit.beta,
      ...Object.values(fit.intervals).flat(),
      ...fit.points.map(({ fitted }) => fitted),
      fit.peakInFlight ?? 0,
    ]
    t.ok(numbers.every(Number.isFinite), `${JSON.stringify(points)}: ${JSON.stringify(numbers)}`)
    t.ok(fit.gamma > 0 && fit.alpha >= 0 && fit.alpha <= 1 && fit.beta >= 0)
    t.notMatch(fit.explanation, /NaN|Infinity|undefined/)
  }
  t.ok(fits > 20, `${fits} fits`)
})
