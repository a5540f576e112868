// Whether a measured load may be believed: every check that its numbers allow, with what to change.

import type { Cell, Check, Noise } from '../result.ts'
import { generatorFullShare } from './limits.ts'
import {
  averageAgainstTotal,
  bytesPerAnswer,
  check,
  count,
  durationAsPlanned,
  enoughSamples,
  littlesLaw,
  percent,
  steadyRate,
  unknown,
} from './laws.ts'

export type CheckContext = {
  /** Nobody writes: every list must be the same. */
  readonly listsAreStill: boolean
  readonly engine: 'node' | 'uws' | null
  /** Before the window; autocannon counts it too. */
  readonly leadInSeconds: number
}

/** A socket's read, which may hold answers that are counted in another window. */
const chunkBytes = 65_536
const lagMaxMs = 200
const stealMax = 0.02
const otherCoresMax = 0.25
const calibrationMax = 0.1

/** Statuses that a load hopes for. */
export const goodStatuses: Readonly<Record<'GET' | 'POST', readonly string[]>> = {
  GET: ['200', '304'],
  POST: ['202', '201'],
}

export const goodOf = (
  statuses: Readonly<Record<string, number>>,
  method: 'GET' | 'POST',
): number => goodStatuses[method].reduce((sum, status) => sum + (statuses[status] ?? 0), 0)

export const checksOf = (cell: Omit<Cell, 'checks'>, context: CheckContext): Check[] => [
  answered(cell),
  statuses(cell),
  connections(cell, context),
  ledger(cell),
  handled(cell),
  ...rate(cell),
  ...ownBooks(cell, context),
  durationAsPlanned(cell.seconds, cell.plannedSeconds),
  bytes(cell),
  little(cell),
  samples(cell, context),
  ...series(cell),
  generator(cell),
  ...noiseChecks(cell.noise),
  cell.latency
    ? enoughSamples(cell.latency.count)
    : unknown('samples behind the percentiles', 'no latencies'),
]

const answered = ({ counts, series, samples }: Omit<Cell, 'checks'>): Check => {
  const silent = series.filter(({ goodPerSecond }) => goodPerSecond === 0).length
  const isUp = samples.taken > 0 && samples.wrong === 0
  return check(
    'it answers',
    counts.completed === 0 ? 'fail' : silent > 0 ? 'fail' : 'ok',
    counts.completed === 0 ? 'nothing' : `${silent} of ${series.length} seconds without an answer`,
    'an answer in every second',
    isUp
      ? `Not the server: ${count(samples.taken)} single requests were answered meanwhile. The other checks say what is wrong with the load.`
      : 'The server hung or was unavailable. A hung server shows no errors: see its log.',
  )
}

const statuses = ({ counts, load }: Omit<Cell, 'checks'>): Check => {
  const bad = counts.completed - goodOf(counts.statuses, load.method)
  const shown = Object.entries(counts.statuses)
    .map(([status, many]) => `${count(many)} x ${status}`)
    .join(', ')
  return check(
    'answers without errors',
    bad > 0 ? 'fail' : 'ok',
    shown || '-',
    `only ${goodStatuses[load.method].join(' or ')}`,
    (counts.statuses['429'] ?? 0) > 0
      ? 'The server limits how much one user or address may send (429): start it with LIMIT_WRITE_BURST=0 and LIMIT_READ_BURST=0.'
      : 'Fast errors look like speed. Only good answers are counted in the headline; see why the others were refused.',
  )
}

const connections = ({ counts, load }: Omit<Cell, 'checks'>, { engine }: CheckContext): Check => {
  const { closed, resets, timeouts, lost } = counts
  const isPipelinedWrite = load.method === 'POST' && load.pipelining > 1
  const hint =
    engine === 'uws' && load.pipelining > 1
      ? isPipelinedWrite
        ? 'uWebSockets.js closes a connection whose next request comes while an answer is pending: use pipelining 1, or the node engine.'
        : 'uWebSockets.js cuts pipelining clients that read too slowly: use the node engine.'
      : 'The server closes connections early: look for keepalive_requests in a proxy, for maxRequestsPerSocket, for a limit on connections, or for a crash.'
  return check(
    'connections stay open',
    closed + resets + timeouts + lost > 0 ? 'fail' : isPipelinedWrite ? 'warn' : 'ok',
    `${count(closed)} closed, ${count(resets)} reset, ${count(timeouts)} timed out, ${count(lost)} requests lost`,
    'none',
    closed + resets + timeouts + lost > 0
      ? hint
      : 'Pipelining what is not idempotent: RFC 9112, 9.3.2 advises against it.',
  )
}

const ledger = ({ counts, load }: Omit<Cell, 'checks'>): Check => {
  const name = 'sent against completed'
  if (load.generator === 'wrk') return unknown(name, 'wrk does not say what it sent')
  const open = counts.sent - counts.completed
  const inFlight = load.connections * load.pipelining
  return check(
    name,
    // Those that were lost are accounted for, and complained about elsewhere.
    open >= -inFlight && open <= inFlight + counts.lost ? 'ok' : 'fail',
    `${count(counts.sent)} sent, ${count(counts.completed)} completed: ${count(open)} apart`,
    `${count(inFlight)}, what can be in flight`,
    'Requests went without an answer and without an error.',
  )
}

/** The strongest check: two independent counts agree. */
const handled = ({ counts, load }: Omit<Cell, 'checks'>): Check => {
  const name = 'as many as the server counted'
  const { completedInAll, handledInAll, lost, timeouts } = counts
  if (handledInAll === null) return unknown(name, "the server's counters can't be read")
  const apart = handledInAll - completedInAll
  // What was in flight when the load ended was answered, and heard by nobody; the sampler's last
  // burst and its last single request too.
  const inFlight = load.connections * load.pipelining + load.pipelining + 1
  return check(
    name,
    apart >= -1 && apart <= inFlight + lost + timeouts ? 'ok' : 'fail',
    `${count(completedInAll)} here, ${count(handledInAll)} there: ${count(apart)} apart`,
    `0 to ${count(inFlight)}`,
    apart < 0
      ? 'More answers came than the server gave: something in between answers for it, such as a proxy with errors of its own.'
      : 'The server answered requests whose answers never came: look for a proxy that sends them again, or for connections that were lost.',
  )
}

const rate = ({ counts, load, seconds }: Omit<Cell, 'checks'>): Check[] => {
  if (load.ratePerSecond === null) return []
  const achieved = counts.completed / seconds / load.ratePerSecond
  const isKept = achieved >= 0.99 && achieved <= 1.01
  return [
    check(
      'the offered rate was kept',
      isKept && counts.dropped <= load.ratePerSecond * 0.01 ? 'ok' : 'fail',
      `${count(counts.completed / seconds)} of ${count(load.ratePerSecond)} a second; ${count(counts.dropped)} due and not sent`,
      'within 1%',
      'Less was answered than was due, so the percentiles are those of a queue that grows. Ask for less, or give it more connections.',
    ),
  ]
}

const ownBooks = (
  { autocannon, load, plannedSeconds }: Omit<Cell, 'checks'>,
  { leadInSeconds }: CheckContext,
): Check[] => {
  if (load.generator !== 'autocannon') return []
  if (!autocannon) {
    return [
      check(
        "autocannon's own books",
        'fail',
        'it did not end',
        'an end in time',
        'autocannon was so starved that it could not stop. Give it cores of its own, or fewer connections.',
      ),
    ]
  }
  const { requestsAverage, durationSeconds, requestsTotal, samples } = autocannon
  const planned = plannedSeconds + leadInSeconds
  const samplesExpected = Math.round(durationSeconds) * load.threads
  return [
    averageAgainstTotal(requestsAverage, durationSeconds, requestsTotal),
    // It ends with the tick of a second.
    check(
      "autocannon's duration",
      durationSeconds <= planned + 1.2 && durationSeconds >= planned - 0.2 ? 'ok' : 'fail',
      `${durationSeconds.toFixed(2)} s of ${planned.toFixed(0)} s`,
      'one second more at most',
      'Its event loop is starved: its seconds are not seconds. Give it cores of its own, or fewer connections.',
    ),
    check(
      "autocannon's samples",
      Math.abs(samples - samplesExpected) <= Math.max(load.threads, samplesExpected * 0.05)
        ? 'ok'
        : 'fail',
      `${count(samples)} of ${count(samplesExpected)}`,
      'one a second and thread',
      'It missed its own ticks: starved. Its average and its deviation are worthless.',
    ),
  ]
}

const bytes = ({ counts, answerBytes, load }: Omit<Cell, 'checks'>): Check => {
  const name = 'bytes per answer'
  if (!answerBytes) return unknown(name, 'these answers have no fixed length')
  if (counts.completed === 0) return unknown(name, 'no answers')
  const expected = answerBytes.head + answerBytes.body
  const inFlight = Math.min(load.pipelining * expected, chunkBytes)
  return bytesPerAnswer(counts.bytes, counts.completed, expected, load.connections * inFlight)
}

const little = ({ load, latency, counts, seconds }: Omit<Cell, 'checks'>): Check => {
  const name = "Little's law"
  if (load.ratePerSecond !== null)
    return unknown(name, 'in an open loop nothing says what is in flight')
  if (load.generator === 'wrk') return unknown(name, "wrk's own latencies cannot be used for it")
  if (!latency) return unknown(name, 'no latencies')
  return littlesLaw(counts.completed / seconds, latency.mean, load.connections * load.pipelining, 1)
}

const samples = ({ samples }: Omit<Cell, 'checks'>, { listsAreStill }: CheckContext): Check => {
  const { taken, wrong, complaint, bodies, matchesAtEnd } = samples
  const isChanging = listsAreStill && bodies > 1
  const meaning =
    wrong > 0
      ? `A wrong answer was read: ${complaint ?? ''}`
      : isChanging
        ? 'The list changed though nobody wrote: a cold cache, another writer, or two servers that disagree.'
        : matchesAtEnd === false
          ? 'What the server shows at the end is not what the database holds.'
          : 'No answer was read.'
  return check(
    'sampled bodies match the database',
    wrong > 0 || isChanging || matchesAtEnd === false || taken === 0 ? 'fail' : 'ok',
    `${count(taken)} read, ${count(wrong)} wrong, ${count(bodies)} different; at the end the database ${
      matchesAtEnd === null ? 'is not known' : matchesAtEnd ? 'matches' : 'does not match'
    }`,
    listsAreStill ? 'none wrong, all the same' : 'none wrong, matching the database at the end',
    meaning,
  )
}

const series = ({ series, load }: Omit<Cell, 'checks'>): Check[] =>
  load.ratePerSecond !== null ? [] : [steadyRate(series.map(({ goodPerSecond }) => goodPerSecond))]

const generator = ({ generator, load, autocannon }: Omit<Cell, 'checks'>): Check => {
  const { loopUtilization, loopLagP99Ms, cpuShare } = generator
  const isFull = isGeneratorFull({ generator })
  const isLate = loopLagP99Ms !== null && loopLagP99Ms > lagMaxMs
  const isShort = load.generator === 'autocannon' && !autocannon
  return check(
    'the generator had room',
    isFull || isLate || isShort ? 'fail' : 'ok',
    [
      `CPU ${Math.round(cpuShare * 100)}% of its threads`,
      loopUtilization === null ? '' : `loop ${Math.round(loopUtilization * 100)}% busy`,
      loopLagP99Ms === null ? '' : `loop lag p99 ${loopLagP99Ms.toFixed(1)} ms`,
    ]
      .filter(Boolean)
      .join(', '),
    `under ${generatorFullShare * 100}% busy, lag under ${lagMaxMs} ms`,
    'The generator was the bottleneck: req/s is a lower bound and its latencies are its own. Give it more threads and cores, use wrk, or send at a fixed rate (open loop). CPU per answer still holds.',
  )
}

export const isGeneratorFull = ({ generator }: Pick<Cell, 'generator'>): boolean =>
  Math.max(generator.loopUtilization ?? 0, generator.cpuShare) >= generatorFullShare

export const noiseChecks = ({ steal, otherCores, uncounted, calibrationMs }: Noise): Check[] => {
  const moved = calibrationMs[1] / calibrationMs[0] - 1
  return [
    steal === null
      ? unknown('CPU stolen', 'not available on this system')
      : check(
          'CPU stolen',
          steal <= stealMax ? 'ok' : 'fail',
          percent(steal),
          `${stealMax * 100}% at most`,
          'A hypervisor gave this time to others. Measure when the host is quieter.',
        ),
    otherCores === null
      ? unknown(
          'CPU of others',
          uncounted
            ? `the target may be among them (${uncounted}). Name its processes: --pid`
            : 'not available on this system',
        )
      : check(
          'CPU of others',
          otherCores <= otherCoresMax ? 'ok' : 'fail',
          `${otherCores.toFixed(2)} cores`,
          `${otherCoresMax} at most`,
          'Something else runs on this machine: end it and measure again. If it is part of what runs at --url, name it: --pid.',
        ),
    check(
      'the floor stayed',
      Math.abs(moved) <= calibrationMax ? 'ok' : 'fail',
      `${calibrationMs[0].toFixed(2)} ms before, ${calibrationMs[1].toFixed(2)} ms after (${percent(moved)})`,
      `within ${calibrationMax * 100}%`,
      'The same work took another time after than before: the clock frequency or the load of this machine moved.',
    ),
  ]
}
