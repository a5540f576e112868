// What is counted of teams: each change that is written down, once it is committed.

import type { Registry } from '@prometheus-io/client'
import { teamActions, type AuditAction } from '../../../lib/domain/audit.ts'
import { addCounter } from '../../../lib/runtime/metrics.ts'

/** So far, in this process. */
export type TeamCounts = {
  add(action: AuditAction): void
  readonly byAction: ReadonlyMap<AuditAction, number>
}

export const createTeamCounts = (): TeamCounts => {
  const byAction = new Map<AuditAction, number>(teamActions.map((action) => [action, 0]))
  return {
    byAction,
    add: (action) => byAction.set(action, (byAction.get(action) ?? 0) + 1),
  }
}

export const addTeamMetrics = (registry: Registry, { byAction }: TeamCounts): void =>
  addCounter(
    registry,
    {
      name: 'todos_team_changes_total',
      help: 'Changes of teams, memberships and invitations, by what was done.',
      labelNames: ['action'],
    },
    () => [...byAction].map(([action, count]) => [{ action }, count] as const),
  )
