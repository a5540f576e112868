// The judgement and its words on fixture samples: what is real, what can't be told, what to use.

import t from 'tap'
import { randomFrom } from '../../scripts/random.ts'
import { seeded } from '../../testing/seeded.ts'
import type { Sample } from '../rounds.ts'
import { readOneLoad } from '../rounds.ts'
import { parseCandidates } from './candidates.ts'
import { judgeCandidates, type Judgement } from './judge.ts'
import type { WantedMetric } from './options.ts'
import { tuneReport } from './report.ts'

const scenario = readOneLoad('mixed', 1)
const candidatesOf = (...values: number[]) =>
  parseCandidates([`DB_POOL_SIZE=${values.join()}`], scenario)

const sample = (value: number, round: number, some: Partial<Sample> = {}): Sample => ({
  name: `DB_POOL_SIZE=${value}`,
  round,
  goodput: 1_000,
  cpu: 20,
  p99: 2_000,
  isGeneratorFull: false,
  limitedBy: 'server',
  fault: null,
  ...some,
})

/** Rounds in which each value has this goodput, but for 0.5% that goes up and down. */
const samplesOf = (goodputs: Readonly<Record<number, number>>, rounds = 5): Sample[] =>
  Array.from({ length: rounds }, (_, round) =>
    Object.entries(goodputs).map(([value, goodput], i) =>
      sample(Number(value), round + 1, {
        // Rounds differ by 20%, which pairing takes out.
        goodput: goodput * (1 + 0.2 * (round % 2)) * (1 + 0.005 * ((round + i) % 3)),
      }),
    ),
  ).flat()

const judge = (
  values: readonly number[],
  samples: readonly Sample[],
  wanted: WantedMetric = 'auto',
  isOpenLoop = false,
): Judgement => judgeCandidates(candidatesOf(...values), { samples }, { wanted, isOpenLoop })

const verdicts = ({ rows }: Judgement) => rows.map(({ verdict }) => verdict)

const withoutGoodput = { goodput: null, p99: null, isGeneratorFull: true }

t.test(
  'real differences to the default are told from none, though rounds differ more',
  async (t) => {
    const samples = samplesOf({ 1: 700, 10: 1_000, 50: 1_001, 99: 1_200 })
    const judgement = judge([1, 10, 50, 99], samples)
    t.strictSame(verdicts(judgement), ['worse', 'baseline', 'no difference', 'better'])
    t.match(judgement, { metric: 'goodput', metricReason: null, comparisons: 3, isTrusted: true })
    t.match(judgement.use, { candidate: { name: 'DB_POOL_SIZE=99' }, because: /really so/ })
    const text = tuneReport(judgement, { samples, leftOut: [] })
    t.match(text, /DB_POOL_SIZE=1 +5 +\d+ .*0\.70x \(0\.\d+ to 0\.\d+\) +worse/)
    t.match(text, /DB_POOL_SIZE=10 .* 1 +default/)
    t.match(text, /Really better than DB_POOL_SIZE=10 \(the default\): DB_POOL_SIZE=99 1\.20x/)
    t.match(text, /Really worse than DB_POOL_SIZE=10 \(the default\): DB_POOL_SIZE=1 0\.70x/)
    t.match(text, /No significant difference to DB_POOL_SIZE=10 \(the default\): DB_POOL_SIZE=50 1/)
    t.match(text, /A difference of less than about \d\.\d% could not have been seen/)
    t.match(text, /all 3 hold at once/)
    t.match(text, /\nUse DB_POOL_SIZE=99: the best, and really so\.$/)
  },
)

t.test('without a real gain the default stays, wherever it stands in the list', async (t) => {
  const judgement = judge([1, 10, 50], samplesOf({ 1: 999, 10: 1_000, 50: 1_002 }))
  t.match(judgement.use, { candidate: { name: 'DB_POOL_SIZE=10' }, because: /none is really/ })
})

t.test(
  'of several that are really better, the smallest without a significant difference to the best',
  async (t) => {
    const judgement = judge(
      [10, 90, 70, 50, 30],
      samplesOf({ 10: 800, 30: 900, 50: 1_199, 70: 1_200, 90: 1_201 }),
    )
    t.match(judgement.use, {
      candidate: { name: 'DB_POOL_SIZE=50' },
      because: /really better than DB_POOL_SIZE=10, and the smallest of 3/,
    })
  },
)

t.test(
  'without the default the first is compared with, and the smallest alike is used',
  async (t) => {
    const same = judge([50, 20], samplesOf({ 20: 1_000, 50: 1_001 }))
    t.strictSame(verdicts(same), ['baseline', 'no difference'])
    t.match(same.use, { candidate: { name: 'DB_POOL_SIZE=20' }, because: /smallest of those/ })
    const worse = judge([50, 20], samplesOf({ 20: 500, 50: 1_000 }))
    t.match(worse.use, { candidate: { name: 'DB_POOL_SIZE=50' }, because: 'the best' })
    t.match(
      tuneReport(same, { samples: [], leftOut: [] }),
      /No significant difference to DB_POOL_SIZE=50:/,
    )
  },
)

t.test('a full generator, once, moves the judgement to CPU and says so', async (t) => {
  const samples = samplesOf({ 10: 1_000, 50: 1_000 }).map((one) =>
    one.name.endsWith('=50')
      ? { ...one, ...withoutGoodput, cpu: 30 + 0.01 * one.round }
      : { ...one, cpu: 20 + 0.01 * one.round },
  )
  const judgement = judge([10, 50], samples)
  t.match(judgement, { metric: 'cpu', metricReason: /generator was the bottleneck/ })
  t.strictSame(verdicts(judgement), ['baseline', 'worse'], 'more CPU is worse')
  const text = tuneReport(judgement, { samples, leftOut: [] })
  t.match(text, /Judged by CPU us per good answer\. The generator was the bottleneck/)
  t.match(text, /The interval holds in 95 of 100 runs/)
})

t.test('goodput that was asked for all the same is not judged from a full generator', async (t) => {
  const samples = samplesOf({ 10: 1_000, 50: 1_000 }).map((one) => ({
    ...one,
    ...withoutGoodput,
  }))
  const judgement = judge([10, 50], samples, 'goodput')
  t.match(judgement, { baseline: null, use: null, isTrusted: false })
  const text = tuneReport(judgement, { samples, leftOut: [] })
  t.match(text, /Not judged: DB_POOL_SIZE=50: the generator was full/)
  t.match(text, /UNTRUSTED/)
})

t.test('a fixed rate says nothing by its goodput', async (t) => {
  const judgement = judge([10, 50], samplesOf({ 10: 1_000, 50: 1_000 }), 'auto', true)
  t.match(judgement, { metric: 'cpu', metricReason: /fixed rate/ })
})

t.test('p99 is judged where it is asked for; less is better', async (t) => {
  const samples = samplesOf({ 10: 1, 50: 1 }).map((one) => ({
    ...one,
    p99: (one.name.endsWith('=50') ? 1_000 : 2_000) + one.round,
  }))
  const judgement = judge([10, 50], samples, 'p99')
  t.strictSame(verdicts(judgement), ['baseline', 'better'])
})

t.test(
  'with two sound samples a candidate is not judged, and that is an untrusted end',
  async (t) => {
    const broken = { goodput: null, cpu: null, p99: null, fault: 'CPU stolen: 9%' }
    const samples = samplesOf({ 10: 1_000, 50: 1_300, 90: 1_000 }).map((one) =>
      one.name.endsWith('=50') && one.round > 2 ? { ...one, ...broken } : one,
    )
    const judgement = judge([10, 50, 90], samples)
    t.strictSame(verdicts(judgement), ['baseline', 'not judged', 'no difference'])
    t.match(judgement, { comparisons: 1, isTrusted: false })
    t.match(
      judgement.use,
      { candidate: { name: 'DB_POOL_SIZE=10' } },
      'of the others it says which',
    )
    const text = tuneReport(judgement, { samples, leftOut: [] })
    t.match(text, /Dropped: round 3 of DB_POOL_SIZE=50: CPU stolen: 9%\./)
    t.match(text, /Not judged: DB_POOL_SIZE=50: 2 of its rounds can be used/)
  },
)

t.test('three rounds each, but not the same ones, are no pairs', async (t) => {
  const samples = samplesOf({ 10: 1_000, 50: 1_300 }, 6).filter(
    ({ name, round }) => name.endsWith('=50') === round > 3,
  )
  t.strictSame(verdicts(judge([10, 50], samples)), ['baseline', 'not judged'])
})

t.test('a default that could not be run gives its place to the first that could', async (t) => {
  const samples = samplesOf({ 50: 1_000, 90: 1_200 })
  const judgement = judge([10, 50, 90], samples)
  t.strictSame(verdicts(judgement), ['not judged', 'baseline', 'better'])
  t.match(judgement, { isTrusted: false, use: { candidate: { name: 'DB_POOL_SIZE=90' } } })
  const leftOut = [{ name: 'DB_POOL_SIZE=10', why: 'did not start' }]
  t.match(tuneReport(judgement, { samples, leftOut }), /Not judged: DB_POOL_SIZE=10: did not start/)
})

t.test('where all cores were busy, goodput is said to show too little', async (t) => {
  const samples = samplesOf({ 10: 1_000, 50: 1_000 }).map((one) => ({
    ...one,
    limitedBy: 'the machine',
  }))
  t.match(tuneReport(judge([10, 50], samples), { samples, leftOut: [] }), /All cores were busy/)
})

t.test('settings that do nothing are called so in about 19 runs of 20', async (t) => {
  const { seed } = seeded(t)
  const random = randomFrom(seed)
  const noise = () => 1_000 * (1 + 0.05 * (random() + random() + random() - 1.5))
  const values = [1, 10, 30, 50, 70]
  let left = 0
  const runs = 400
  for (let run = 0; run < runs; run++) {
    const samples = [1, 2, 3, 4, 5].flatMap((round) =>
      values.map((value) => sample(value, round, { goodput: noise() })),
    )
    if (judge(values, samples).use?.candidate.isDefault !== true) left++
  }
  // Half of 5% is for the better: 10 of 400, with a standard deviation of 3.
  t.ok(left <= 30, `${left} of ${runs}`)
})
