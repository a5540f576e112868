// What the endpoints of shares stand on.

import type { Shares } from '../../../lib/shares/shares.ts'

export type ShareParts = {
  readonly shares: Shares
}
