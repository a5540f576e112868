// What the metrics of a server process and of a worker have in common: how they are defined, and what
// every process of ours reports about itself. What is counted often is a plain integer, kept where it is
// counted and read when a scrape asks.

import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { Counter, Gauge, type Registry } from '@prometheus-io/client'
import type { PoolStats } from './pool-stats.ts'
import { commit, version } from './version.ts'

type Definition = {
  readonly name: string
  readonly help: string
  readonly labelNames?: readonly string[]
}
type Labels = Readonly<Record<string, string>>
type Readings = Iterable<readonly [Labels, number]>

/** Seconds. OpenTelemetry's for HTTP, and below its first, 5 ms, those that most of ours fall into. */
export const durationBuckets = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]
export const batchSizeBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000]

/** A counter that is kept elsewhere. */
export const addCounter = (
  registry: Registry,
  definition: Definition,
  read: () => Readings,
): void => {
  new Counter({
    ...definition,
    registers: [registry],
    collect() {
      this.reset()
      for (const [labels, value] of read()) this.inc(labels, value)
    },
  })
}

/** A gauge that is kept elsewhere; `combine`: what several processes make of one series. */
export const addGauge = (
  registry: Registry,
  { combine = 'sum', ...definition }: Definition & { readonly combine?: 'sum' | 'max' },
  read: () => Readings,
): void => {
  new Gauge({
    ...definition,
    aggregator: combine,
    registers: [registry],
    collect() {
      this.reset()
      for (const [labels, value] of read()) this.set(labels, value)
    },
  })
}

export const addPoolMetrics = (
  registry: Registry,
  pools: Readonly<Record<string, PoolStats>>,
): void => {
  const each = (value: (use: PoolStats) => number) => () =>
    Object.entries(pools)
      .filter(([, { size }]) => size > 0) // else nobody opened it
      .map(([pool, use]) => [{ pool }, value(use)] as const)
  addGauge(
    registry,
    {
      name: 'todos_pool_connections_max',
      labelNames: ['pool'],
      help: 'Connections that a pool may open.',
    },
    each((use) => use.size),
  )
  addGauge(
    registry,
    {
      name: 'todos_pool_uses',
      labelNames: ['pool'],
      help: 'Statements and transactions in flight; more than todos_pool_connections_max share a connection or wait for one.',
    },
    each((use) => use.inFlight),
  )
}

/**
 * Which build this is: one series, always 1, to be joined with others. `engine`: of a server's requests;
 * a worker has none.
 */
export const addBuildInfo = (registry: Registry, program: string, engine = 'none'): void => {
  const labels = {
    program,
    engine,
    version,
    commit: commit ?? 'unknown',
    node: process.version,
  }
  addGauge(
    registry,
    {
      name: 'todos_build_info',
      help: 'Always 1; its labels are the program, its version, commit and Node, and the HTTP engine.',
      labelNames: Object.keys(labels),
    },
    () => [[labels, 1]],
  )
}

/** Seconds since the epoch. */
const startTime = Math.round(Date.now() / 1_000 - process.uptime())

/**
 * How often the event loop is sampled: how late it is, is its delay. Each sample wakes the process: at
 * 20 ms one that did nothing else took 2.5 ms of CPU a second for it, at 200 ms 0.4.
 */
const delayResolutionMs = 200

/** `process`: its place, not its pid: a process that is replaced goes on in the same series. */
export const addProcessMetrics = (registry: Registry, process_: string): void => {
  const labelNames = ['process']
  const labels = { process: process_ }
  const one = (value: () => number) => () => [[labels, value()]] as const

  addCounter(
    registry,
    {
      name: 'process_cpu_seconds_total',
      help: 'CPU time of the process, user and system.',
      labelNames,
    },
    one(() => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1e6
    }),
  )
  addGauge(
    registry,
    {
      name: 'process_start_time_seconds',
      help: 'When the process started, in seconds since the epoch.',
      labelNames,
    },
    one(() => startTime),
  )
  addGauge(
    registry,
    { name: 'process_resident_memory_bytes', help: 'Resident memory of the process.', labelNames },
    one(() => process.memoryUsage.rss()),
  )
  addGauge(
    registry,
    { name: 'nodejs_heap_size_used_bytes', help: "Memory in use in V8's heap.", labelNames },
    one(() => getHeapStatistics().used_heap_size),
  )
  // Counters, not a share since the last scrape: two who scrape do not disturb each other.
  addCounter(
    registry,
    {
      name: 'nodejs_eventloop_time_seconds_total',
      help: 'Time that the event loop was active, or idle; active / (active + idle) is its utilization.',
      labelNames: [...labelNames, 'nodejs_eventloop_state'],
    },
    () => {
      const { active, idle } = performance.eventLoopUtilization()
      return [
        [{ ...labels, nodejs_eventloop_state: 'active' }, active / 1000],
        [{ ...labels, nodejs_eventloop_state: 'idle' }, idle / 1000],
      ]
    },
  )
  addDelayMetrics(registry, labels)
}

const addDelayMetrics = (registry: Registry, labels: Labels) => {
  const histogram = monitorEventLoopDelay({ resolution: delayResolutionMs })
  histogram.enable()
  const late = (ns: number) => Math.max(0, ns / 1e9 - delayResolutionMs / 1e3)
  addGauge(
    registry,
    {
      name: 'nodejs_eventloop_delay_seconds',
      help: 'How late the event loop ran a timer since the last scrape, by percentile; 100 is the latest.',
      labelNames: ['process', 'percentile'],
      combine: 'max',
    },
    () => {
      // `quantile` is a label of summaries: promtool refuses it here.
      const delays = [50, 99, 100].map(
        (percent) =>
          [
            { ...labels, percentile: String(percent) },
            late(histogram.percentile(percent)),
          ] as const,
      )
      histogram.reset()
      return delays
    },
  )
}
