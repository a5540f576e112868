// How long a write takes from the moment when it was due, and until it is in the list, at a fixed rate.
// Writes leave on time however slow the answers are: no answer that is late spares the server a write.

import { setTimeout as delay } from 'node:timers/promises'
import { loopback } from '../../scripts/stack/ports.ts'
import { treeCpuSeconds } from '../engines/cpu.ts'
import { percentileOf } from '../latency.ts'
import { startLoad, type LoadOrder, type RunningLoad } from '../load/load.ts'
import type { Reading } from '../load/recording.cjs'
import { createSightings, markedTitle, markText, type Visibility } from './sightings.ts'
import { startListReader } from './list-reader.ts'
import type { System } from './system.ts'
import { cpuSecondsOf, memoryMibOf, type PerTier } from './tiers.ts'

export type OpenLoop = {
  readonly perSecond: number
  readonly seconds: number
  readonly connections: number
  /** Warm-up included, as all that say so. */
  readonly sentInAll: number
  readonly acknowledgedInAll: number
  /** Answers other than a 202. */
  readonly refusedInAll: number
  /** Sent, and without an answer when their connection or their time was over. */
  readonly unansweredInAll: number
  readonly acknowledged: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Due when the window closed, and not sent yet, since every connection was waiting. */
  readonly unsentAtEnd: number
  /** Share of its time in which the generator's loop did not wait. */
  readonly generatorLoop: number
  readonly cpuUsPerCommand: PerTier & { readonly generator: number }
  /** One write of so many is marked and looked for in the lists. */
  readonly sampleEvery: number
  readonly listReadsPerSecond: number
  readonly visibility: Visibility
  readonly memoryMib: Memory
}

export type Memory = {
  /** Before the warm-up. */
  readonly begin: PerTier
  readonly afterWarmUp: PerTier
  /** When the last answer was there. */
  readonly end: PerTier
  readonly series: readonly { readonly atSeconds: number; readonly mib: PerTier }[]
}

/** More than a p99 needs, few enough that the reader is no load. */
const samplesPerSecond = 300
const warmUpShare = 0.1
/** An answer may take so long before the rate is too much for the connections. */
const answerSecondsMax = 0.05
const memorySamples = 60
const drainTimeoutMs = 10_000
const settleMs = 3_000
const pollMs = 50

/** One request is in flight on each: a server may refuse writes that are pipelined. */
export const connectionsFor = (perSecond: number, atLeast: number): number =>
  Math.max(atLeast, Math.ceil(perSecond * answerSecondsMax))

export const orderFor = (
  system: Pick<System, 'port' | 'token'>,
  options: {
    readonly perSecond: number
    readonly seconds: number
    readonly connections: number
    readonly sampleEvery: number
  },
): LoadOrder => ({
  generator: 'open-loop',
  url: `http://${loopback}:${system.port}/todos`,
  method: 'POST',
  headers: { authorization: `Bearer ${system.token}`, 'content-type': 'application/json' },
  body: JSON.stringify({ title: markedTitle, description: 'two litres' }),
  connections: options.connections,
  pipelining: 1,
  threads: 1,
  seconds: options.seconds + drainTimeoutMs / 1000,
  ratePerSecond: options.perSecond,
  requestsMax: options.perSecond * options.seconds,
  marks: { every: options.sampleEvery, text: markText },
})

export const runOpenLoop = async (
  system: System,
  options: {
    readonly perSecond: number
    readonly seconds: number
    readonly connectionsAtLeast: number
    readonly signal: AbortSignal
  },
): Promise<OpenLoop> => {
  const { perSecond, seconds, signal } = options
  const warmUpSeconds = Math.max(1, Math.round(seconds * warmUpShare))
  const connections = connectionsFor(perSecond, options.connectionsAtLeast)
  const sampleEvery = Math.max(1, Math.round(perSecond / samplesPerSecond))
  const order = orderFor(system, {
    perSecond,
    connections,
    sampleEvery,
    seconds: warmUpSeconds + seconds,
  })
  const begin = memoryMibOf(system.tiers)
  const sightings = createSightings()
  const reader = startListReader(system.port, sightings)
  const load = await startLoad(order, (answer) => {
    if (answer.number >= perSecond * warmUpSeconds) sightings.answered(answer)
  })
  load.ended.catch(() => {}) // whoever reads it next sees why
  const cpuNow = () => ({ ...cpuSecondsOf(system.tiers), generator: treeCpuSeconds(load.pid) })
  try {
    await delay(warmUpSeconds * 1000, undefined, { signal })
    const cpuBefore = cpuNow()
    const first = await load.read()
    const series: Memory['series'][number][] = []
    const sample = (atMs: number) =>
      series.push({ atSeconds: Math.round(atMs / 1000), mib: memoryMibOf(system.tiers) })
    sample(0)
    const everyMs = Math.max(1_000, (seconds * 1000) / memorySamples)
    const startMs = performance.now()
    for (let nextMs = everyMs; nextMs < seconds * 1000; nextMs += everyMs) {
      await delay(startMs + nextMs - performance.now(), undefined, { signal })
      sample(nextMs)
    }
    await delay(startMs + seconds * 1000 - performance.now(), undefined, { signal })
    const atClose = await load.read()
    const last = await drained(load, order.requestsMax ?? 0, signal)
    const cpuAfter = cpuNow()
    const end = memoryMibOf(system.tiers)
    const deadlineMs = performance.now() + settleMs
    while (sightings.pending() > 0 && performance.now() < deadlineMs) await delay(pollMs)

    const acknowledged = acknowledgedOf(last) - acknowledgedOf(first.reading)
    const ms = (share: number) => (percentileOf(first.reading, last, share) ?? NaN) / 1000
    return {
      perSecond,
      seconds,
      connections,
      sentInAll: last.sent,
      acknowledgedInAll: acknowledgedOf(last),
      refusedInAll: last.completed - acknowledgedOf(last),
      unansweredInAll: last.sent - last.completed,
      acknowledged,
      p50Ms: ms(0.5),
      p99Ms: ms(0.99),
      maxMs: ms(1),
      unsentAtEnd: Math.max(0, atClose.reading.dropped),
      generatorLoop: loopShare(first.reading, atClose.reading),
      cpuUsPerCommand: Object.fromEntries(
        Object.entries(cpuAfter).map(([tier, after]) => [
          tier,
          ((after - (cpuBefore[tier as keyof typeof cpuBefore] ?? 0)) * 1e6) / acknowledged,
        ]),
      ) as OpenLoop['cpuUsPerCommand'],
      sampleEvery,
      listReadsPerSecond: Math.round(reader.readsPerSecond()),
      visibility: sightings.result(),
      memoryMib: { begin, afterWarmUp: series[0]?.mib ?? {}, end, series },
    }
  } finally {
    load.stop()
    await reader.stop()
  }
}

export const acknowledgedOf = ({ statuses }: Reading): number => statuses[202] ?? 0

/** All that is to be sent is sent and answered, or never will be. */
const drained = async (load: RunningLoad, requests: number, signal: AbortSignal) => {
  const deadlineMs = performance.now() + drainTimeoutMs
  for (;;) {
    const { reading } = await load.read()
    const isDone = reading.sent >= requests && reading.completed + reading.lost >= reading.sent
    if (isDone || performance.now() > deadlineMs) return reading
    await delay(pollMs, undefined, { signal })
  }
}

const loopShare = (first: Reading, last: Reading): number => {
  const activeMs = last.loopActiveMs - first.loopActiveMs
  return activeMs / (activeMs + last.loopIdleMs - first.loopIdleMs)
}
