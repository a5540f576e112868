// The primary's page of metrics: all forks in one. Each is asked when a scrape comes; one that does not
// answer in time stands there with what it last said of its counters. Totals never go back: those of
// forks that are gone are kept, for a total that falls looks like a restart to Prometheus.

import cluster, { type Worker } from 'node:cluster'
import { Counter, Registry } from '@prometheus-io/client'
import type { Config } from '../../lib/runtime/config/config.ts'
import type { Log } from '../../lib/runtime/log.ts'
import { servePages } from '../../lib/runtime/metrics-server.ts'
import { addBuildInfo, addCounter, addGauge, addProcessMetrics } from '../../lib/runtime/metrics.ts'
import type { Report, ReportMessage, ReportRequest } from './metrics-fork.ts'

/** Below a scrape's own timeout (Prometheus: 10 s); a machine that is overloaded takes its time. */
export const answerTimeoutMs = 3_000

type Fork = {
  readonly worker: Worker
  /** What it said last. */
  last: Report
  /** The round that `last` answers; 0: none yet. */
  round: number
  /** Its last report came unasked: it is leaving, and answers no more. */
  isLeaving: boolean
}

/** Resolves with the port, undefined when there is to be none. Rejects with one line for the operator. */
export const openMetricsPage = async (config: Config, log: Log): Promise<number | undefined> => {
  if (config.METRICS_PORT === 'off') return undefined
  const registry = new Registry()
  addBuildInfo(registry, 'server', config.HTTP_ENGINE)
  addProcessMetrics(registry, 'primary')
  const collect = collectFromForks(registry, config.HTTP_PROCESSES)
  const port = await servePages(
    { host: config.HTTP_HOST, port: config.METRICS_PORT, setting: 'METRICS_PORT' },
    {
      '/metrics': async () => ({
        status: 200,
        contentType: Registry.PROMETHEUS_CONTENT_TYPE,
        body: await collect(),
      }),
    },
  )
  log.info({ port }, 'metrics at /metrics')
  return port
}

const collectFromForks = (own: Registry, processes: number): (() => Promise<string>) => {
  const forks = new Map<number, Fork>()
  /** Counters of forks that are gone. */
  let departed: Report = []
  let round = 0
  let onReport = () => {}
  let inFlight: Promise<string> | undefined
  const count = countForks(own, processes)

  cluster.on('message', (worker: Worker, message: ReportMessage | { kind: 'listening' }) => {
    if (message.kind === 'listening') {
      forks.set(worker.id, { worker, last: [], round: 0, isLeaving: false })
    }
    const fork = forks.get(worker.id)
    if (message.kind !== 'metrics' || !fork) return
    fork.last = message.report
    if (message.round === undefined) fork.isLeaving = true
    else fork.round = message.round
    onReport()
  })
  // Not 'exit', which may come before the last report has been read.
  cluster.on('disconnect', (worker) => {
    const fork = forks.get(worker.id)
    if (!fork) return
    forks.delete(worker.id)
    departed = combine([departed, totalsOf(fork.last)])
    onReport()
  })

  /** Resolves when every fork that is asked has answered or is gone, or when time is up. */
  const ask = (asked: ReportRequest): Promise<void> =>
    new Promise((resolve) => {
      const isDue = (fork: Fork) => fork.round !== asked.round && !fork.isLeaving
      const done = () => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(done, answerTimeoutMs)
      onReport = () => {
        if (![...forks.values()].some(isDue)) done()
      }
      for (const { worker } of forks.values()) {
        if (worker.isConnected()) worker.send(asked, () => {}) // gone just now: its exit is reported
      }
      onReport()
    })

  const collect = async (): Promise<string> => {
    await ask({ kind: 'report-metrics', round: ++round })
    const all = [...forks.values()]
    const answered = all.filter((fork) => fork.round === round)
    const silent = all.filter((fork) => fork.round !== round && !fork.isLeaving)
    count.unanswered.inc(silent.length)
    // Their gauges say how things were, not how they are.
    const others = all.filter((fork) => fork.round !== round).map(({ last }) => totalsOf(last))
    const reports = [await own.getMetricsAsJSON(), ...answered.map(({ last }) => last), ...others]
    return Registry.aggregate([...reports, departed]).metrics()
  }

  // Two who ask at once get the same answer.
  return () => (inFlight ??= collect().finally(() => (inFlight = undefined)))
}

// An aggregated metric has its values at hand, though the client's types do not say so.
const combine = (reports: readonly Report[]): Report =>
  Registry.aggregate([...reports]).getMetricsAsArray() as unknown as Report

const totalsOf = (report: Report): Report => report.filter((metric) => metric.type !== 'gauge')

/** What the primary itself knows of its forks. */
export const countForks = (registry: Registry, processes: number) => {
  let started = 0
  let crashed = 0
  cluster.on('fork', () => started++)
  cluster.on('exit', (_worker, code, signal) => {
    if (code !== 0 || signal) crashed++
  })
  addGauge(
    registry,
    {
      name: 'todos_server_processes',
      help: 'Server processes that run. HTTP_PROCESSES are expected.',
    },
    () => [[{}, Object.keys(cluster.workers ?? {}).length]],
  )
  addCounter(
    registry,
    {
      name: 'todos_server_process_restarts_total',
      help: 'Server processes started to replace one that died or was restarted on purpose.',
    },
    () => [[{}, Math.max(0, started - processes)]],
  )
  addCounter(
    registry,
    {
      name: 'todos_server_process_crashes_total',
      help: 'Server processes that ended by a signal or with an exit code other than 0.',
    },
    () => [[{}, crashed]],
  )
  const unanswered = new Counter({
    name: 'todos_metrics_unanswered_total',
    help: 'Times that a server process did not report to a scrape in time: its counters keep their last value, its gauges are missing.',
    registers: [registry],
  })
  return { unanswered }
}
