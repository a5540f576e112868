// What is counted of accounts.

import type { Registry } from '@prometheus-io/client'
import { addCounter } from '../../../lib/runtime/metrics.ts'

/** So far, in this process. */
export type AccountCounts = { registrations: number }

export const addAccountMetrics = (registry: Registry, counts: AccountCounts): void =>
  addCounter(
    registry,
    { name: 'todos_registrations_total', help: 'Accounts that were registered.' },
    () => [[{}, counts.registrations]],
  )
