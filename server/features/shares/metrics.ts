// What is counted of shares: each change that is written down, once it is committed.

import type { Registry } from '@prometheus-io/client'
import { shareActions, type AuditAction } from '../../../lib/domain/audit.ts'
import { addCounter } from '../../../lib/runtime/metrics.ts'

/** So far, in this process. */
export type ShareCounts = {
  add(action: AuditAction): void
  readonly byAction: ReadonlyMap<AuditAction, number>
}

export const createShareCounts = (): ShareCounts => {
  const byAction = new Map<AuditAction, number>(shareActions.map((action) => [action, 0]))
  return {
    byAction,
    add: (action) => byAction.set(action, (byAction.get(action) ?? 0) + 1),
  }
}

export const addShareMetrics = (registry: Registry, { byAction }: ShareCounts): void =>
  addCounter(
    registry,
    {
      name: 'todos_share_changes_total',
      help: 'Personal todos that were shared, or with another role, and shares that ended.',
      labelNames: ['action'],
    },
    () => [...byAction].map(([action, count]) => [{ action }, count] as const),
  )
