// What is counted of erasures.

import type { Registry } from '@prometheus-io/client'
import { addCounter } from '../../lib/runtime/metrics.ts'
import type { ErasureCounts } from './erase-accounts.ts'

export const addErasureMetrics = (registry: Registry, counts: ErasureCounts): void =>
  addCounter(
    registry,
    {
      name: 'todos_worker_erasures_total',
      help: 'Erasures of deleted accounts, each of which is erased twice, by result: done; failed (tried again).',
      labelNames: ['result'],
    },
    () => Object.entries(counts).map(([result, count]) => [{ result }, count]),
  )
