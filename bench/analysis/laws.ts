// The laws that the numbers of a run must obey among themselves, whoever measured them. Numbers come
// from a tool's output, a paper or our own counts. Pure; each gives one line of the validity table.

import type { Check } from '../result.ts'

type Verdict = Check['verdict']

export const unknown = (name: string, missing: string): Check => ({
  name,
  verdict: 'unknown',
  value: '-',
  bound: '-',
  meaning: `cannot be checked: ${missing}`,
})

export const check = (
  name: string,
  verdict: Verdict,
  value: string,
  bound: string,
  meaning: string,
): Check => ({ name, verdict, value, bound, meaning: verdict === 'ok' ? '' : meaning })

const between = (value: number, ok: readonly [number, number], warn: readonly [number, number]) =>
  value >= ok[0] && value <= ok[1] ? 'ok' : value >= warn[0] && value <= warn[1] ? 'warn' : 'fail'

/** autocannon averages its samples of one second; starved, it takes too few and divides by too little. */
export const averageAgainstTotal = (average: number, seconds: number, total: number): Check => {
  const name = 'average x duration = total'
  if (total === 0) return unknown(name, 'no answers')
  const ratio = (average * seconds) / total
  return check(
    name,
    between(ratio, [0.99, 1.01], [0.98, 1.02]),
    `${count(average)}/s x ${seconds.toFixed(2)} s = ${count(average * seconds)}, counted ${count(total)} (${percent(ratio - 1)})`,
    'within 1%',
    'The average is not that of the requests counted: the generator was starved and its samples are not seconds. Give it cores of its own, or fewer connections.',
  )
}

export const durationAsPlanned = (seconds: number, plannedSeconds: number): Check =>
  check(
    'duration as planned',
    between(seconds / plannedSeconds, [0.98, 1.03], [0.95, 1.1]),
    `${seconds.toFixed(2)} s of ${plannedSeconds.toFixed(2)} s`,
    '-2% to +3%',
    seconds > plannedSeconds
      ? 'The generator could not stop in time: its event loop is starved. Give it cores of its own, or fewer connections.'
      : 'It ended early: see its errors.',
  )

export const bytesPerAnswer = (
  bytes: number,
  answers: number,
  expected: number,
  /** Bytes that may be of answers not counted. */
  slackBytes: number,
): Check => {
  const measured = answers === 0 ? NaN : bytes / answers
  const slack = answers === 0 ? 0 : slackBytes / answers
  const off = Math.abs(measured - expected)
  return check(
    'bytes per answer',
    off <= expected * 0.01 + slack ? 'ok' : 'fail',
    `${measured.toFixed(1)} of ${count(expected)}`,
    'the size of the real answer, within 1%',
    'What came back is not the expected answer: errors, cut bodies, or another list.',
  )
}

/** L = X W. In a closed loop L is what is in flight: connections x depth. */
export const littlesLaw = (
  perSecond: number,
  meanLatencyUs: number,
  inFlight: number,
  /** Resolution of the clock that measured the latency. */
  resolutionUs: number,
): Check => {
  const name = "Little's law"
  const product = (perSecond * meanLatencyUs) / 1e6
  const ratio = product / inFlight
  const expectedUs = (inFlight / perSecond) * 1e6
  // Such a clock rounds down: what is too long by it is too long.
  if (expectedUs < 10 * resolutionUs && ratio <= 1.05) {
    return unknown(
      name,
      `the mean latency should be ${(expectedUs / 1000).toFixed(2)} ms, which a clock of whole ${resolutionUs / 1000} ms cannot resolve`,
    )
  }
  return check(
    name,
    between(ratio, [0.95, 1.02], [0.85, 1.05]),
    `${count(perSecond)}/s x ${(meanLatencyUs / 1000).toFixed(3)} ms = ${count(product)} in flight, of ${count(inFlight)} (${percent(ratio - 1)})`,
    '-5% to +2%',
    ratio > 1
      ? 'Latencies are too long for this throughput: answers were matched with older requests, or connections were lost and made again.'
      : 'Less was in flight than configured: connections were idle, lost or slow to begin.',
  )
}

export const steadyRate = (perSecond: readonly number[]): Check => {
  const name = 'steady: first third against last third'
  const third = Math.floor(perSecond.length / 3)
  if (third < 1) return unknown(name, 'fewer than three seconds')
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const first = mean(perSecond.slice(0, third))
  if (first === 0) return unknown(name, 'no answers at first')
  const change = mean(perSecond.slice(-third)) / first - 1
  return check(
    name,
    Math.abs(change) <= 0.05 ? 'ok' : Math.abs(change) <= 0.2 ? 'warn' : 'fail',
    percent(change),
    'within 5%; 20% at most',
    change > 0
      ? 'It still became faster: it was not warm. Warm up for longer.'
      : 'It became slower: a cache ran out, the machine throttled, or something else runs here.',
  )
}

/** A percentile needs ten samples beyond it. */
export const enoughSamples = (samples: number): Check =>
  check(
    'samples behind the percentiles',
    samples >= 10_000 ? 'ok' : samples >= 1_000 ? 'warn' : 'fail',
    count(samples),
    '1,000 for p99, 10,000 for p99.9',
    samples >= 1_000
      ? 'Read p99.9 as a maximum: too few samples lie beyond it. Run for longer.'
      : 'Too few for a p99. Run for longer, or read a lower percentile.',
  )

export const count = (value: number): string =>
  Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : '-'
export const percent = (share: number): string =>
  Number.isFinite(share) ? `${share >= 0 ? '+' : ''}${(share * 100).toFixed(2)}%` : '-'
