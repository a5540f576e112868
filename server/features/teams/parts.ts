// What the endpoints of teams stand on.

import type { AuditLog } from '../../../lib/audit/audit.ts'
import type { Actor, Teams } from '../../../lib/teams/teams.ts'
import type { Principal } from '../../http/contract/endpoint.ts'

export type TeamParts = {
  readonly teams: Teams
  readonly audit: Pick<AuditLog, 'read'>
}

/** Who changes something, and in which request: both are written down. */
export const actorOf = (input: {
  readonly principal: Principal
  readonly requestId: string
}): Actor => ({ userId: input.principal.userId, requestId: input.requestId })
