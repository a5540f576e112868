// A fork's end of the metrics page: it reports when the primary asks, and a last time before it leaves,
// so that what it counted to the end is not lost.

import cluster from 'node:cluster'
import type { Registry } from '@prometheus-io/client'

/** Every metric with its values, as it goes from fork to primary. */
export type Report = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** To the primary. `round`: which question it answers; undefined: it was not asked. */
export type ReportMessage = {
  readonly kind: 'metrics'
  readonly round?: number
  readonly report: Report
}
/** From the primary. */
export type ReportRequest = { readonly kind: 'report-metrics'; readonly round: number }

/** The fork's place: the one that replaces it goes on in its series. */
export const forkIndex = (): string => process.env['TODOS_FORK_INDEX'] ?? '0'

/** Answers from now on; returns how to report for the last time. Does nothing where there is no primary. */
export const reportMetrics = (registry: Registry): (() => Promise<void>) => {
  const { worker } = cluster
  if (!worker) return () => Promise.resolve()
  const send = async (round?: number) => {
    const message: ReportMessage = {
      kind: 'metrics',
      report: await registry.getMetricsAsJSON(),
      ...(round !== undefined && { round }),
    }
    if (!worker.isConnected()) return
    // A primary that is gone needs no report.
    await new Promise<void>((resolve) => worker.send(message, () => resolve()))
  }
  worker.on('message', (message: ReportRequest | { kind?: undefined }) => {
    if (message.kind === 'report-metrics') void send(message.round)
  })
  return () => send()
}
