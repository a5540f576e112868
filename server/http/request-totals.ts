// What a process has counted of requests since it began, over all routes: for whoever is shown how much there is to
// do. Of three metrics only: some gauges are reset as they are read, and belong to whoever scrapes them.

import type { Registry } from '@prometheus-io/client'
import { requestCounts, requestDurations } from './metrics.ts'

/** The bound of those that took longer than every other bound, as a number that goes through JSON. */
const unbounded = Number.MAX_VALUE

type Reading = {
  readonly value: number
  readonly metricName?: string
  readonly labels: { readonly le?: number | string }
}

/** `durations`: by the seconds that they took at most; each bound has those below it, too. */
export const readRequestTotals = async (registry: Registry) => {
  const readingsOf = async (name: string) =>
    ((await registry.getSingleMetric(name)?.get())?.values ?? []) as readonly Reading[]
  let requests = 0
  for (const name of requestCounts)
    for (const { value } of await readingsOf(name)) requests += value
  const durations = new Map<number, number>()
  for (const { value, metricName, labels } of await readingsOf(requestDurations)) {
    if (metricName !== `${requestDurations}_bucket`) continue
    const seconds = labels.le === '+Inf' ? unbounded : Number(labels.le)
    durations.set(seconds, (durations.get(seconds) ?? 0) + value)
  }
  return { requests, durations: [...durations] }
}
