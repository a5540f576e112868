// How long something may still be written for an account that was deleted, by this server's settings.

import type { ErasureWaits } from '../../../lib/accounts/erasures.ts'
import type { Config } from '../../../lib/runtime/config/config.ts'

/** A revocation is known within a second; and clocks, a pause of a process, a broker that is behind. */
const marginMs = 3_000

type Settings = Pick<
  Config,
  | 'AUTH_ACCESS_TTL_SEC'
  | 'AUTH_CLOCK_LEEWAY_SEC'
  | 'HTTP_REQUEST_TIMEOUT_MS'
  | 'PUBLISH_TIMEOUT_MS'
  | 'PUBLISH_WAIT_MAX_MS'
>

export const erasureWaits = (config: Settings): ErasureWaits => {
  const publishMs = config.PUBLISH_WAIT_MAX_MS + config.PUBLISH_TIMEOUT_MS
  const tokenSec = config.AUTH_ACCESS_TTL_SEC + config.AUTH_CLOCK_LEEWAY_SEC
  return {
    usualSec: Math.ceil((publishMs + marginMs) / 1_000),
    // A body that arrives slowly is of a token that was good when its head came.
    lastSec: tokenSec + Math.ceil((config.HTTP_REQUEST_TIMEOUT_MS + publishMs + marginMs) / 1_000),
  }
}
