// The comparison and its words on fixture samples.

import t from 'tap'
import type { Sample } from '../rounds.ts'
import { compareSamples } from './judge.ts'
import { compareReport } from './report.ts'

const sound = { isGeneratorFull: false, limitedBy: 'server', fault: null }

/** Rounds that differ by 20%, with B `ratio` times A in each, but for half a percent. */
const samplesOf = (
  ratios: { goodput: number; cpu: number; p99: number },
  some: (sample: Sample) => Partial<Sample> = () => ({}),
): Sample[] =>
  [1, 2, 3, 4, 5, 6, 7].flatMap((round) => {
    const mood = 1 + 0.2 * (round % 2)
    const wobble = 1 + 0.005 * (round % 3)
    const a = { ...sound, round, name: 'A', goodput: 10_000 * mood, cpu: 20 * mood, p99: 900 }
    const b = {
      ...a,
      name: 'B',
      goodput: a.goodput * ratios.goodput * wobble,
      cpu: a.cpu * ratios.cpu * wobble,
      p99: a.p99 * ratios.p99 * wobble,
    }
    return [a, b].map((one) => ({ ...one, ...some(one) }))
  })

const titles = { A: 'the node engine', B: 'the uws engine' }
const reportOf = (samples: readonly Sample[], isOpenLoop = false) =>
  compareReport(compareSamples(samples, isOpenLoop), samples, titles, isOpenLoop)

t.test('a real difference is a ratio with its interval, in the right direction', async (t) => {
  const samples = samplesOf({ goodput: 1.18, cpu: 0.85, p99: 1 })
  const comparison = compareSamples(samples, false)
  t.match(comparison, { isTrusted: true, missing: [] })
  const [goodput, cpu, p99] = comparison.lines
  t.match(goodput, { metric: 'goodput', ratio: { isReal: true, pairs: 7 } })
  t.ok(Math.abs((goodput?.ratio.ratio ?? 0) - 1.186) < 0.002)
  t.match(cpu, { metric: 'cpu', ratio: { isReal: true } })
  t.match(p99, { metric: 'p99', medianA: 900 })
  const text = reportOf(samples)
  t.match(text, /good answers a second: B is 1\.19x A \(1\.1\d to 1\.1\d\): better\./)
  t.match(text, /CPU us per good answer: B is 0\.85x A \(0\.8\d to 0\.8\d\): better\./)
  t.match(
    text,
    /p99 ms: no significant difference \(1\.00 to 1\.01\)\. A difference of less than about 0\.\d% could not/,
  )
  t.match(
    text,
    /A against itself, good answers a second: 0\.83x to 1\.00x of its median over 7 rounds/,
  )
  t.match(text, /all 3 hold at once/)
  t.match(text, /p99 says little beyond goodput/)
  t.notMatch(text, /UNTRUSTED|NaN|undefined/)
})

t.test('the columns show both medians', async (t) => {
  const [, , , head = '', first = ''] = reportOf(samplesOf({ goodput: 0.5, cpu: 1, p99: 1 })).split(
    '\n',
  )
  t.match(head, /^ +A +B +B to A, paired +95% interval$/)
  t.match(first, /^good answers a second +12,000 +6,0\d\d +0\.50x +\(0\.50 to 0\.51\)$/)
})

t.test('a small difference that is real keeps the digits that show it', async (t) => {
  const samples = [1, 2, 3, 4, 5].flatMap((round) => {
    const a = { ...sound, round, name: 'A', goodput: 1_000, cpu: null, p99: null }
    return [a, { ...a, name: 'B', goodput: 1_002 + 0.1 * (round % 2) }]
  })
  t.match(reportOf(samples), /B is 1\.002x A \(1\.002 to 1\.002\): better/)
})

t.test('a full generator hides goodput and p99, and the CPU still tells', async (t) => {
  const samples = samplesOf({ goodput: 1, cpu: 0.5, p99: 1 }, ({ name }) =>
    name === 'B' ? { goodput: null, p99: null, isGeneratorFull: true } : {},
  )
  const comparison = compareSamples(samples, false)
  t.strictSame(
    comparison.lines.map(({ metric }) => metric),
    ['cpu'],
  )
  t.equal(comparison.isTrusted, true)
  t.match(
    reportOf(samples),
    /good answers a second: not compared: the generator was the bottleneck/,
  )
  t.match(reportOf(samples), /CPU us per good answer: B is 0\.50x A/)
})

t.test('of what runs elsewhere no CPU is known', async (t) => {
  const samples = samplesOf({ goodput: 2, cpu: 1, p99: 1 }, () => ({ cpu: null }))
  t.equal(compareSamples(samples, false).isTrusted, true)
  t.match(reportOf(samples), /CPU us per good answer: not compared: the CPU of what runs elsewhere/)
  t.match(reportOf(samples), /good answers a second: B is 2\.01x A/)
})

t.test('where too few requests were timed for a p99, it says so', async (t) => {
  const text = reportOf(samplesOf({ goodput: 1, cpu: 1, p99: 1 }, () => ({ p99: null })))
  t.match(text, /p99 ms: not compared: too few requests were timed/)
})

t.test('at a fixed rate goodput is not compared, and p99 means something', async (t) => {
  const text = reportOf(samplesOf({ goodput: 1, cpu: 1, p99: 1.5 }), true)
  t.match(text, /good answers a second: not compared: the load was sent at a fixed rate/)
  t.match(text, /p99 ms: B is 1\.51x A .*: worse/)
  t.notMatch(text, /says little/)
})

t.test('a round counts where both were sound; under three nothing is judged', async (t) => {
  const broken = { goodput: null, cpu: null, p99: null, fault: 'CPU stolen: 9%' }
  const unsound = (rounds: readonly number[]) =>
    samplesOf({ goodput: 1.2, cpu: 1, p99: 1 }, ({ name, round }) =>
      name === 'A' && rounds.includes(round) ? broken : {},
    )
  t.equal(compareSamples(unsound([1, 4, 5, 7]), false).lines[0]?.ratio.pairs, 3)
  const few = unsound([1, 2, 4, 5, 7])
  t.match(compareSamples(few, false), { lines: [], isTrusted: false })
  t.match(reportOf(few), /not compared: 2 rounds in which both were sound, and it takes 3/)
  t.match(reportOf(few), /Dropped: round 1 of A: CPU stolen: 9%\./)
  t.match(reportOf(few), /UNTRUSTED/)
})
