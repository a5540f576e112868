// What is counted of the rate limits.

import type { Registry } from '@prometheus-io/client'
import type { LimiterCounts } from '../../lib/rate-limit/failover.ts'
import { addCounter, addGauge } from '../../lib/runtime/metrics.ts'
import type { Buckets } from './in-process.ts'

export const addLimitMetrics = (
  registry: Registry,
  counts: LimiterCounts,
  processLimits: readonly Buckets[] = [],
): void => {
  const { decisions, stores } = counts
  addCounter(
    registry,
    {
      name: 'todos_limit_decisions_total',
      help: 'Requests to limited routes, by limit, outcome and the store that counted them (none: no store did, and they passed; process: this process, for itself).',
      labelNames: ['policy', 'store', 'outcome'],
    },
    () => [
      ...[...decisions].flatMap(([policy, byStore]) =>
        [...byStore].flatMap(([store, outcomes]) =>
          Object.entries(outcomes).map(
            ([outcome, many]) => [{ policy, store, outcome }, many] as const,
          ),
        ),
      ),
      ...processLimits.flatMap(({ policy, counts }) =>
        Object.entries(counts).map(
          ([outcome, many]) => [{ policy: policy.name, store: 'process', outcome }, many] as const,
        ),
      ),
    ],
  )
  addCounter(
    registry,
    {
      name: 'todos_limit_store_failures_total',
      help: 'Times that a rate-limit store failed, or did not answer within LIMIT_TIMEOUT_MS; the next store was used.',
      labelNames: ['store'],
    },
    () => [...stores].map(([store, { failures }]) => [{ store }, failures]),
  )
  addCounter(
    registry,
    {
      name: 'todos_limit_store_circuit_opened_total',
      help: 'Times that a process opened the circuit to a rate-limit store; it closes when a probe succeeds.',
      labelNames: ['store'],
    },
    () => [...stores].map(([store, { opened }]) => [{ store }, opened]),
  )
  addGauge(
    registry,
    {
      name: 'todos_limit_store_unavailable',
      help: 'Processes whose circuit to a rate-limit store is open, because it does not answer.',
      labelNames: ['store'],
    },
    () => [...stores].map(([store, { isOpen }]) => [{ store }, isOpen() ? 1 : 0]),
  )
}
