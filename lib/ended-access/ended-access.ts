// Access to a channel that has ended, as a membership does: whoever watches the channel must lose it. The
// seam between the transaction that ends it and every process with somebody who watches.

import type { AnyOf, ChannelName } from '../domain/event.ts'

/** `*`: access to any channel may have ended, or anybody's: all that it can mean is to be asked again. */
export type AccessEnd = { readonly channel: ChannelName | AnyOf; readonly userId: string }

export type EndedAccess = {
  /** Each is told within a second, some more than once. Once at most. */
  watch(onEnded: (end: AccessEnd) => void): void
  close(): Promise<void>
}
