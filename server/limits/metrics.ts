// What is counted of the rate limits.

import type { Registry } from '@prometheus-io/client'
import type { LimiterCounts } from '../../lib/rate-limit/failover.ts'
import { addCounter, addGauge } from '../../lib/runtime/metrics.ts'

export const addLimitMetrics = (registry: Registry, counts: LimiterCounts): void => {
  const { decisions, stores } = counts
  addCounter(
    registry,
    {
      name: 'todos_limit_decisions_total',
      help: 'Requests to limited routes, by limit, by what counted them (none: nothing did, and they passed) and by outcome.',
      labelNames: ['policy', 'store', 'outcome'],
    },
    () =>
      [...decisions].flatMap(([policy, byStore]) =>
        [...byStore].flatMap(([store, outcomes]) =>
          Object.entries(outcomes).map(
            ([outcome, many]) => [{ policy, store, outcome }, many] as const,
          ),
        ),
      ),
  )
  addCounter(
    registry,
    {
      name: 'todos_limit_store_failures_total',
      help: 'Times that what counts limits failed, or did not answer within LIMIT_TIMEOUT_MS; the next one was asked.',
      labelNames: ['store'],
    },
    () => [...stores].map(([store, { failures }]) => [{ store }, failures]),
  )
  addCounter(
    registry,
    {
      name: 'todos_limit_store_given_up_total',
      help: 'Times that a process stopped to ask what counts limits, until a probe of it succeeds.',
      labelNames: ['store'],
    },
    () => [...stores].map(([store, { opened }]) => [{ store }, opened]),
  )
  addGauge(
    registry,
    {
      name: 'todos_limit_store_away_processes',
      help: 'Processes that do not ask what counts limits, because it does not answer.',
      labelNames: ['store'],
    },
    () => [...stores].map(([store, { isOpen }]) => [{ store }, isOpen() ? 1 : 0]),
  )
}
