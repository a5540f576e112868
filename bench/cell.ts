// Measures one load on a target: captures an answer, warms up, opens a window while the load runs,
// reads every counter at both its ends, and judges what came out.

import { setTimeout as delay } from 'node:timers/promises'
import { checksOf, goodOf, isGeneratorFull } from './analysis/checks.ts'
import { limitOf } from './analysis/limits.ts'
import { treeCpuSeconds } from './engines/cpu.ts'
import { chooseGenerator } from './engines/generator.ts'
import { latencyOf, latencyOfSorted, percentileOf } from './latency.ts'
import { startLoad, type LoadOrder, type RunningLoad } from './load/load.ts'
import type { Reading } from './load/recording.cjs'
import { calibrate, machineCpu, type MachineCpu } from './noise.ts'
import type { AutocannonOwn, Cell, Counts, Load, Second, TierUse } from './result.ts'
import { startSampler } from './sampler.ts'
import type { Scenario, ScenarioLoad } from './scenario.ts'
import { coresHere, processesOf, type Target } from './target.ts'
import { captureAnswer, isTrueInTheEnd } from './truth.ts'

export type CellRun = {
  readonly signal: AbortSignal
  readonly onSecond?: (second: Second) => void
}

/** Connections are made and compilers run in it: part of the load, not of the window. */
const leadInSeconds = 1
/** Past this, a generator that should have ended is starved. */
const endTimeoutMs = 15_000
const generatorThreadsMax = 8
const backgroundConnections = 16

/** Rejects when it is interrupted, or when nothing answers; whatever else went wrong is in the checks. */
export const measureCell = async (
  target: Target,
  scenario: Scenario,
  load: ScenarioLoad,
  run: CellRun,
): Promise<Cell> => {
  const order = orderOf(target, scenario, load)
  const captured = await captureAnswer(target, scenario)
  const rowsBefore = (await target.database?.count()) ?? 0
  const background =
    scenario.writesPerSecond > 0
      ? await startLoad(backgroundOf(target, scenario, load.seconds))
      : undefined
  try {
    const measured =
      order.generator === 'wrk'
        ? await measureWithWrk({ target, scenario, load, run, order, captured, background })
        : await measureWithReadings({ target, scenario, load, run, order, captured, background })
    background?.stop()
    const acknowledged = scenario.method === 'POST' ? measured.goodInAll : 0
    const isTrueAtEnd = await isTrueInTheEnd(target, scenario, rowsBefore + acknowledged)
    const { goodInAll: _, ...rest } = measured
    const cell = { ...rest, samples: { ...measured.samples, isTrueAtEnd } }
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

type Order = Omit<LoadOrder, 'generator'> & { readonly generator: Load['generator'] }

type Work = {
  readonly target: Target
  readonly scenario: Scenario
  readonly load: ScenarioLoad
  readonly run: CellRun
  readonly order: Order
  readonly captured: Awaited<ReturnType<typeof captureAnswer>>
  readonly background: RunningLoad | undefined
}

type Measured = Omit<Cell, 'checks' | 'samples'> & {
  readonly samples: Omit<Cell['samples'], 'isTrueAtEnd'>
  /** Good answers of the whole run, warm-up included. */
  readonly goodInAll: number
}

const orderOf = (target: Target, scenario: Scenario, load: ScenarioLoad): Order => {
  const { connections, pipelining, seconds, ratePerSecond } = load
  const hasWrk = scenario.generator === 'auto' && hasProgramWrk()
  const generator =
    scenario.generator !== 'auto' ? scenario.generator : hasWrk ? 'wrk' : 'autocannon'
  const left = Math.max(1, coresHere - (target.topology ? processesOf(scenario) : 0))
  let threads = Math.min(
    scenario.generatorThreads ?? Math.min(left, generatorThreadsMax),
    connections,
  )
  // autocannon gives each of its threads the same number, and drops the rest without a word.
  while (connections % threads !== 0) threads--
  return {
    ...{ generator, connections, pipelining, threads, seconds, ratePerSecond },
    url: target.origin + scenario.path,
    method: scenario.method,
    ...(scenario.method === 'POST' ? writeOf(target) : { headers: {} }),
  }
}

const hasProgramWrk = (): boolean => chooseGenerator(1).name === 'wrk'

const writeOf = ({ token }: Target) => {
  if (token === null) throw new Error('writes need a token: set TOKEN (npm run token)')
  return {
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ title: 'Buy milk', description: 'two litres' }),
  }
}

const backgroundOf = (target: Target, scenario: Scenario, seconds: number): LoadOrder => ({
  ...{ generator: 'open-loop', url: `${target.origin}/todos`, method: 'POST', pipelining: 1 },
  ...{ threads: 1, connections: backgroundConnections, ratePerSecond: scenario.writesPerSecond },
  // Stopped when the load has ended.
  seconds: seconds + scenario.warmUpSeconds + 60,
  ...writeOf(target),
})

/** autocannon and the open loop: their counters are read while they run. */
const measureWithReadings = async (work: Work): Promise<Measured> => {
  const { scenario, load, run, order, target, captured, background } = work
  const { signal } = run
  const asOrder = (seconds: number): LoadOrder => ({
    ...order,
    generator: order.generator === 'open-loop' ? 'open-loop' : 'autocannon',
    seconds,
  })
  let goodInAll = 0
  if (scenario.warmUpSeconds > 0) {
    const warm = await startLoad(asOrder(scenario.warmUpSeconds))
    try {
      await delay(scenario.warmUpSeconds * 1000, undefined, { signal })
      goodInAll += goodOf((await warm.read()).reading.statuses, order.method)
    } finally {
      warm.stop()
    }
  }
  const calibratedMs = calibrate()
  // One second more than is looked at, so that it still runs when the window closes.
  const running = await startLoad(asOrder(leadInSeconds + load.seconds + 1))
  const sampler = startSampler({ ...captured.sampling, depth: Math.min(load.pipelining, 100) })
  try {
    await delay(leadInSeconds * 1000, undefined, { signal })
    const look = async () => {
      const { atMs, reading } = await running.read()
      return { atMs, reading, cpu: cpuNow(target, [running, background]) }
    }
    const first = await look()
    const series: Second[] = []
    let last = first
    while (last.atMs - first.atMs < load.seconds * 1000 - 500) {
      const nextMs = first.atMs + (series.length + 1) * 1000
      await delay(Math.max(0, nextMs - last.atMs), undefined, { signal })
      const now = await look()
      series.push(secondOf(first.atMs, last, now, order.method))
      run.onSecond?.(series[series.length - 1] as Second)
      last = now
    }
    const { latenciesUs: _, ...samples } = await sampler.stop()
    const autocannon = await endOf(running, signal)
    const final = await running.read().catch(() => last)
    running.stop()
    goodInAll += goodOf(final.reading.statuses, order.method)
    const seconds = (last.atMs - first.atMs) / 1000
    const counts = countsOf(first.reading, last.reading, final.reading)
    const rest = finish(work, { seconds, counts, cpu: [first.cpu, last.cpu], calibratedMs })
    const loops = last.reading.loops.map((loop, i) => {
      const active = loop.activeMs - (first.reading.loops[i]?.activeMs ?? 0)
      const idle = loop.idleMs - (first.reading.loops[i]?.idleMs ?? 0)
      return active / Math.max(1, active + idle)
    })
    const generator = {
      loopUtilization: loops.length > 0 ? Math.max(...loops) : null,
      loopLagP99Ms: last.reading.loopLagP99Ms,
      cpuShare: rest.generatorCores / order.threads,
    }
    return {
      ...rest.cell(generator),
      ...{ series, samples, autocannon, goodInAll },
      latency: latencyOf(
        first.reading,
        last.reading,
        order.generator === 'open-loop'
          ? 'the moment each request was due'
          : 'the sending of each request',
      ),
    }
  } finally {
    running.stop()
    await sampler.stop()
  }
}

/** wrk says nothing until it ends: no series, and latencies from the sampler. */
const measureWithWrk = async (work: Work): Promise<Measured> => {
  const { scenario, load, run, order, target, captured, background } = work
  const wrk = chooseGenerator(order.threads, 'wrk')
  const { pathname, search } = new URL(order.url)
  const { method, headers, body } = order
  const wrkLoad = {
    ...{ port: 0, origin: target.origin, target: pathname + search, depth: load.pipelining },
    ...{ connections: load.connections, signal: run.signal },
    ...(body !== undefined && { write: { method, headers, body } }),
  }
  let goodInAll = 0
  if (scenario.warmUpSeconds > 0) {
    goodInAll += (await wrk.run({ ...wrkLoad, windowMs: scenario.warmUpSeconds * 1000 })).requests
  }
  const calibratedMs = calibrate()
  const sampler = startSampler({ ...captured.sampling, depth: Math.min(load.pipelining, 100) })
  try {
    const before = cpuNow(target, [background])
    const result = await wrk.run({ ...wrkLoad, windowMs: load.seconds * 1000 })
    const after = cpuNow(target, [background])
    const { latenciesUs, ...samples } = await sampler.stop()
    const seconds = result.durationUs / 1e6
    const generatorCores = (result.cpuShare * order.threads * load.seconds) / seconds
    const total = result.requests + result.errors
    const counts: Counts = {
      ...{ sent: total, completed: total, bytes: result.bytes },
      statuses: { [method === 'POST' ? '202' : '200']: result.requests },
      // wrk tells errors of sockets and statuses apart, but not which.
      ...{ closed: 0, resets: result.errors, lost: 0, timeouts: 0, dropped: 0 },
    }
    const cpu = [before, after] as const
    const rest = finish(work, { seconds, counts, cpu, calibratedMs, generatorCores })
    return {
      ...rest.cell({
        ...{ loopUtilization: null, loopLagP99Ms: null },
        cpuShare: rest.generatorCores / order.threads,
      }),
      ...{ samples, series: [], autocannon: null, goodInAll: goodInAll + result.requests },
      latency: latencyOfSorted([...latenciesUs].sort((a, b) => a - b)),
    }
  } finally {
    await sampler.stop()
  }
}

type CpuNow = {
  readonly tiers: ReadonlyMap<string, number>
  readonly machine: MachineCpu | null
  readonly ownSeconds: number
}

/** CPU seconds of each tier so far; a process that is gone costs nothing more. */
const cpuNow = (target: Target, loads: readonly (RunningLoad | undefined)[]): CpuNow => {
  const secondsOf = (pid: number) => {
    try {
      return treeCpuSeconds(pid)
    } catch {
      return 0
    }
  }
  const own = process.cpuUsage()
  const generators = loads.map((load) => (load ? secondsOf(load.pid) : 0))
  return {
    tiers: new Map([
      ['generator', generators.reduce((sum, one) => sum + one, 0)],
      ...[...target.tiers].map(([name, { pid }]): [string, number] => [name, secondsOf(pid)]),
    ]),
    machine: machineCpu(),
    ownSeconds: (own.user + own.system) / 1e6,
  }
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
    cores: Object.fromEntries(
      [...to.cpu.tiers].map(([name, used]) => [
        name,
        Math.max(0, used - (from.cpu.tiers.get(name) ?? 0)) / seconds,
      ]),
    ),
  }
}

const countsOf = (first: Reading, last: Reading, final: Reading): Counts => ({
  sent: last.sent - first.sent,
  completed: last.completed - first.completed,
  statuses: Object.fromEntries(
    Object.entries(last.statuses)
      .map(([status, many]) => [status, many - (first.statuses[status] ?? 0)] as const)
      .filter(([, many]) => many > 0),
  ),
  bytes: last.bytes - first.bytes,
  ...{ closed: final.closed, resets: final.resets, timeouts: final.timeouts, lost: final.lost },
  dropped: last.dropped,
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

type Window = {
  readonly seconds: number
  readonly counts: Counts
  readonly cpu: readonly [CpuNow, CpuNow]
  readonly calibratedMs: number
  /** For wrk, whose process is gone by now. */
  readonly generatorCores?: number
}

/** From counters to what they mean, the same for every generator. */
const finish = (work: Work, { seconds, counts, cpu, calibratedMs, ...rest }: Window) => {
  const { target, order, load, captured } = work
  const [before, after] = cpu
  const good = goodOf(counts.statuses, order.method)
  const coresOf = (name: string) =>
    Math.max(0, (after.tiers.get(name) ?? 0) - (before.tiers.get(name) ?? 0)) / seconds
  const generatorCores = (rest.generatorCores ?? 0) + coresOf('generator')
  const use = (name: string, cores: number, coresMax: number): TierUse => ({
    ...{ name, cores, coresMax },
    demand: good === 0 ? 0 : (cores * seconds * 1e6) / good,
  })
  const tiers = [
    use('generator', generatorCores, Math.min(coresHere, order.threads)),
    ...[...target.tiers].map(([name, { coresMax }]) => use(name, coresOf(name), coresMax)),
  ]
  const attributed = tiers.reduce((sum, one) => sum + one.cores, 0)
  const own = (after.ownSeconds - before.ownSeconds) / seconds
  const machine = after.machine && before.machine ? [before.machine, after.machine] : null
  const [from, to] = machine ?? [null, null]
  const otherCores = from && to ? (to.busy - from.busy) / seconds - attributed - own : null
  return {
    generatorCores,
    cell: (generator: Cell['generator']) => ({
      load: {
        ...{ generator: order.generator, method: order.method, url: order.url },
        ...{ connections: load.connections, pipelining: load.pipelining },
        ...{ ratePerSecond: load.ratePerSecond, threads: order.threads },
      },
      ...{ seconds, plannedSeconds: load.seconds, counts, tiers, generator },
      goodPerSecond: good / seconds,
      limit: limitOf({
        ...{ tiers, cores: coresHere, goodPerSecond: good / seconds, otherCores },
        isGeneratorFull: isGeneratorFull({ generator }),
        isOpenLoop: load.ratePerSecond !== null,
      }),
      noise: {
        steal: from && to ? (to.steal - from.steal) / (to.total - from.total) : null,
        otherCores: otherCores === null ? null : Math.max(0, otherCores),
        calibrationMs: [calibratedMs, calibrate()] as const,
      },
      answerBytes: captured.answerBytes,
    }),
  }
}
