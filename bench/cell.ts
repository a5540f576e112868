// Measures one load on a target. It captures an answer, warms up and opens a window while the load
// runs. It reads every counter at both ends of the window, and judges the result.

import { setTimeout as delay } from 'node:timers/promises'
import { checksOf, goodOf } from './analysis/checks.ts'
import { chooseGenerator } from './engines/generator.ts'
import { latencyOf, latencyOfSorted, percentileOf } from './latency.ts'
import { startLoad, type LoadOrder, type RunningLoad } from './load/load.ts'
import type { Reading } from './load/recording.cjs'
import { calibrate } from './noise.ts'
import type { AutocannonOwn, Cell, Counts, Load, Second } from './result.ts'
import { startSampler } from './sampler.ts'
import type { Scenario, ScenarioLoad } from './scenario.ts'
import { coresHere, processesOf, type Target } from './target.ts'
import { captureAnswer, matchesDatabaseAtEnd, type Captured } from './oracle.ts'
import { coresBetween, cpuNow, judgeWindow, withoutGenerator, type CpuNow } from './window.ts'

export type CellRun = {
  readonly signal: AbortSignal
  readonly onSecond?: (second: Second) => void
}

/** Connections are made and compilers run in it: part of the load, not of the window. */
export const leadInSeconds = 1
/** Past this, a generator that should have ended is starved. */
const endTimeoutMs = 15_000
const generatorThreadsMax = 8
const backgroundConnections = 16

/** Rejects when it is interrupted, or when nothing answers; whatever else went wrong is in the checks. */
export const measureCell = async (
  target: Target,
  scenario: Scenario,
  asked: ScenarioLoad,
  run: CellRun,
): Promise<Cell> => {
  const load = loadOf(target, scenario, asked)
  const captured = await captureAnswer(target, scenario)
  const rowsBefore = (await target.database?.count()) ?? 0
  const background =
    scenario.writesPerSecond > 0
      ? await startLoad(backgroundOf(target, scenario, asked.seconds))
      : undefined
  try {
    const { seconds } = asked
    const work = { target, scenario, seconds, run, load, captured, background }
    const measured = await (load.generator === 'wrk' ? measureWithWrk : measureWithReadings)(work)
    background?.stop()
    const acknowledged = scenario.method === 'POST' ? measured.goodInAll : 0
    const matchesAtEnd = await matchesDatabaseAtEnd(target, scenario, rowsBefore + acknowledged)
    const { goodInAll: _, ...rest } = measured
    const cell = { ...rest, samples: { ...measured.samples, matchesAtEnd } }
    return {
      ...cell,
      checks: checksOf(cell, {
        listsAreStill: scenario.method === 'GET' && scenario.writesPerSecond === 0,
        engine: target.topology?.engine ?? null,
        leadInSeconds,
      }),
    }
  } finally {
    background?.stop()
  }
}

export const isInvalid = ({ checks }: Pick<Cell, 'checks'>): boolean =>
  checks.some(({ verdict }) => verdict === 'fail')

type Work = {
  readonly target: Target
  readonly scenario: Scenario
  readonly seconds: number
  readonly run: CellRun
  readonly load: Load
  readonly captured: Captured
  readonly background: RunningLoad | undefined
}

type Measured = Omit<Cell, 'checks' | 'samples'> & {
  readonly samples: Omit<Cell['samples'], 'matchesAtEnd'>
  /** Good answers of the whole run, warm-up included. */
  readonly goodInAll: number
}

const loadOf = (target: Target, scenario: Scenario, asked: ScenarioLoad): Load => {
  const { connections, pipelining, ratePerSecond } = asked
  const left = Math.max(1, coresHere - (target.topology ? processesOf(scenario) : 0))
  let threads = Math.min(
    scenario.generatorThreads ?? Math.min(left, generatorThreadsMax),
    connections,
  )
  // autocannon gives each of its threads the same number, and drops the rest without a word.
  while (connections % threads !== 0) threads--
  const { generator } = scenario
  return {
    generator: generator === 'auto' ? chooseGenerator(1).name : generator,
    method: scenario.method,
    url: target.origin + scenario.path,
    connections,
    pipelining,
    ratePerSecond,
    threads,
  }
}

const writeOf = ({ token }: Target) => {
  if (token === null) throw new Error('writes need a token: set TOKEN (npm run token)')
  return {
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ title: 'Buy milk', description: 'two litres' }),
  }
}

const backgroundOf = (target: Target, scenario: Scenario, seconds: number): LoadOrder => ({
  generator: 'open-loop',
  url: `${target.origin}/todos`,
  method: 'POST',
  pipelining: 1,
  threads: 1,
  connections: backgroundConnections,
  ratePerSecond: scenario.writesPerSecond,
  // Stopped when the load has ended.
  seconds: seconds + scenario.warmUpSeconds + 60,
  ...writeOf(target),
})

/** autocannon and the open loop: their counters are read while they run. */
const measureWithReadings = async (work: Work): Promise<Measured> => {
  const { target, scenario, seconds: plannedSeconds, run, load, captured, background } = work
  const { signal } = run
  const begin = (seconds: number) =>
    startLoad({
      ...load,
      seconds,
      generator: load.ratePerSecond === null ? 'autocannon' : 'open-loop',
      ...(load.method === 'POST' ? writeOf(target) : { headers: {} }),
    })
  let goodInAll = 0
  if (scenario.warmUpSeconds > 0) {
    const warm = await begin(scenario.warmUpSeconds)
    try {
      await delay(scenario.warmUpSeconds * 1000, undefined, { signal })
      goodInAll += goodOf((await warm.read()).reading.statuses, load.method)
    } finally {
      warm.stop()
    }
  }
  const calibratedMs = calibrate()
  const handledBefore = await target.handled(load.method)
  // One second more than is looked at, so that it still runs when the window closes.
  const running = await begin(leadInSeconds + plannedSeconds + 1)
  const sampler = startSampler({ ...captured.sampling, depth: samplerDepth(load) })
  try {
    await delay(leadInSeconds * 1000, undefined, { signal })
    const look = async (): Promise<Look> => {
      const { atMs, reading } = await running.read()
      return { atMs, reading, cpu: cpuNow(target, [running, background]) }
    }
    const first = await look()
    const series: Second[] = []
    let last = first
    while (last.atMs - first.atMs < plannedSeconds * 1000 - 500) {
      const nextMs = first.atMs + (series.length + 1) * 1000
      await delay(Math.max(0, nextMs - last.atMs), undefined, { signal })
      const now = await look()
      const second = secondOf(first.atMs, last, now, load.method)
      series.push(second)
      run.onSecond?.(second)
      last = now
    }
    const { latenciesUs: _, ...samples } = await sampler.stop()
    const autocannon = await endOf(running, signal)
    const final = await running.read()
    running.stop()
    const seconds = (last.atMs - first.atMs) / 1000
    const counts = {
      ...countsOf(first.reading, last.reading, final.reading),
      handledInAll: await handledSince(handledBefore, target, load, samples.taken),
    }
    const judged = judgeWindow(target, {
      load,
      seconds,
      counts,
      cpu: [first.cpu, last.cpu],
      calibratedMs,
      loop: loopBetween(first.reading, last.reading),
    })
    return {
      load,
      seconds,
      plannedSeconds,
      counts,
      series,
      samples,
      autocannon,
      ...judged,
      answerBytes: captured.answerBytes,
      latency: latencyOf(
        first.reading,
        last.reading,
        load.ratePerSecond === null
          ? 'the sending of each request'
          : 'the moment each request was due',
      ),
      goodInAll: goodInAll + goodOf(final.reading.statuses, load.method),
    }
  } finally {
    running.stop()
    await sampler.stop()
  }
}

/** wrk reports nothing until it ends: the server reports progress, the sampler latency. */
const measureWithWrk = async (work: Work): Promise<Measured> => {
  const { target, scenario, seconds: plannedSeconds, run, load, captured, background } = work
  const wrk = chooseGenerator(load.threads, 'wrk')
  const { method } = load
  const order = {
    port: 0,
    origin: target.origin,
    target: scenario.path,
    depth: load.pipelining,
    connections: load.connections,
    signal: run.signal,
    ...(method === 'POST' && { write: { method, ...writeOf(target) } }),
  }
  let goodInAll = 0
  if (scenario.warmUpSeconds > 0) {
    goodInAll += (await wrk.run({ ...order, windowMs: scenario.warmUpSeconds * 1000 })).requests
  }
  const calibratedMs = calibrate()
  const handledBefore = await target.handled(method)
  const sampler = startSampler({ ...captured.sampling, depth: samplerDepth(load) })
  try {
    const before = cpuNow(target, [background])
    const progress = startProgress(work)
    const result = await wrk
      .run({ ...order, windowMs: plannedSeconds * 1000 })
      .finally(() => progress.stop())
    const after = cpuNow(target, [background])
    const { latenciesUs, ...samples } = await sampler.stop()
    const seconds = result.durationUs / 1e6
    const total = result.requests + result.errors
    const counts: Counts = {
      sent: total,
      completed: total,
      bytes: result.bytes,
      statuses: { [method === 'POST' ? '202' : '200']: result.requests },
      // wrk counts socket errors and bad statuses apart, but not which.
      closed: 0,
      resets: result.errors,
      lost: 0,
      timeouts: 0,
      dropped: 0,
      completedInAll: total,
      handledInAll: await handledSince(handledBefore, target, load, samples.taken),
    }
    const judged = judgeWindow(target, {
      load,
      seconds,
      counts,
      cpu: [before, after],
      calibratedMs,
      loop: null,
      generatorCores: (result.cpuShare * load.threads * plannedSeconds) / seconds,
    })
    return {
      load,
      seconds,
      plannedSeconds,
      counts,
      samples,
      ...judged,
      answerBytes: captured.answerBytes,
      series: progress.series,
      autocannon: null,
      latency: method === 'GET' ? latencyOfSorted([...latenciesUs].sort((a, b) => a - b)) : null,
      goodInAll: goodInAll + result.requests,
    }
  } finally {
    await sampler.stop()
  }
}

/** Second by second, from the server's own counters; none where it can't be asked. */
const startProgress = ({ target, load, run, background }: Work) => {
  const series: Second[] = []
  const look = async () => ({
    atMs: performance.now(),
    handled: await target.handled(load.method).catch(() => null),
    cpu: cpuNow(target, [background]),
  })
  const first = look()
  let last = first
  const timer = setInterval(() => {
    const before = last
    last = look()
    void Promise.all([first, before, last]).then(([start, from, to]) => {
      if (from.handled === null || to.handled === null) return
      const seconds = (to.atMs - from.atMs) / 1000
      const second = {
        atSeconds: (to.atMs - start.atMs) / 1000,
        goodPerSecond: (to.handled - from.handled) / seconds,
        p50: null,
        p99: null,
        // What wrk used is known when it has ended: until then it would be drawn as idle.
        cores: withoutGenerator(coresBetween(from.cpu, to.cpu, seconds)),
      }
      series.push(second)
      run.onSecond?.(second)
    })
  }, 1_000)
  return { series, stop: () => clearInterval(timer) }
}

/** What the server has answered since, but for what was sampled. */
const handledSince = async (
  before: number | null,
  target: Target,
  { method }: Load,
  sampled: number,
): Promise<number | null> => {
  const now = await target.handled(method)
  return before === null || now === null ? null : now - before - (method === 'GET' ? sampled : 0)
}

const samplerDepth = ({ pipelining }: Load): number => Math.min(pipelining, 100)

/** Utilization and lag of the busiest thread. */
const loopBetween = (first: Reading, last: Reading) => {
  const busy = last.loops.map((loop, i) => {
    const active = loop.activeMs - (first.loops[i]?.activeMs ?? 0)
    const idle = loop.idleMs - (first.loops[i]?.idleMs ?? 0)
    return active / Math.max(1, active + idle)
  })
  return { utilization: Math.max(0, ...busy), lagP99Ms: last.loopLagP99Ms }
}

type Look = { readonly atMs: number; readonly reading: Reading; readonly cpu: CpuNow }

const secondOf = (startMs: number, from: Look, to: Look, method: 'GET' | 'POST'): Second => {
  const seconds = (to.atMs - from.atMs) / 1000
  const good = goodOf(to.reading.statuses, method) - goodOf(from.reading.statuses, method)
  return {
    atSeconds: (to.atMs - startMs) / 1000,
    goodPerSecond: good / seconds,
    p50: percentileOf(from.reading, to.reading, 0.5),
    p99: percentileOf(from.reading, to.reading, 0.99),
    cores: coresBetween(from.cpu, to.cpu, seconds),
  }
}

const countsOf = (first: Reading, last: Reading, final: Reading): Omit<Counts, 'handledInAll'> => ({
  sent: last.sent - first.sent,
  completed: last.completed - first.completed,
  statuses: Object.fromEntries(
    Object.entries(last.statuses)
      .map(([status, many]) => [status, many - (first.statuses[status] ?? 0)] as const)
      .filter(([, many]) => many > 0),
  ),
  bytes: last.bytes - first.bytes,
  closed: final.closed,
  resets: final.resets,
  timeouts: final.timeouts,
  lost: final.lost,
  dropped: last.dropped,
  completedInAll: final.completed,
})

const endOf = async (running: RunningLoad, signal: AbortSignal): Promise<AutocannonOwn | null> => {
  const timer = new AbortController()
  const late = delay(endTimeoutMs, null, { signal: AbortSignal.any([signal, timer.signal]) })
  try {
    return await Promise.race([running.ended, late])
  } finally {
    timer.abort()
    late.catch(() => {})
  }
}
