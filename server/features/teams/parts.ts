// What the endpoints of teams stand on.

import type { AuditLog } from '../../../lib/audit/audit.ts'
import type { Teams } from '../../../lib/teams/teams.ts'

export type TeamParts = {
  readonly teams: Teams
  readonly audit: Pick<AuditLog, 'read'>
}
