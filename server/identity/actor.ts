// Who changes something, and in which request: both are written down.

import type { Actor } from '../../lib/domain/outcome.ts'
import type { Principal } from '../http/contract/endpoint.ts'

export const actorOf = (input: {
  readonly principal: Principal
  readonly requestId: string
}): Actor => ({ userId: input.principal.userId, requestId: input.requestId })
