// What the endpoints of shares stand on.

import type { Actor, Shares } from '../../../lib/shares/shares.ts'
import type { Principal } from '../../http/contract/endpoint.ts'

export type ShareParts = {
  readonly shares: Shares
}

/** Who changes something, and in which request: both are written down. */
export const actorOf = (input: {
  readonly principal: Principal
  readonly requestId: string
}): Actor => ({ userId: input.principal.userId, requestId: input.requestId })
