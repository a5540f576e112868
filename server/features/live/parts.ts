// What the endpoints of live updates stand on.

import type { Principal } from '../../http/contract/endpoint.ts'
import type { Request } from '../../http/engines/engine.ts'
import type { Tag } from '../../http/contract/endpoint.ts'
import type { ChannelKind } from '../../realtime/channels.ts'
import type { Live } from '../../realtime/live.ts'

export type WatchParts = {
  readonly live: Live
  /** Whose token a request comes with; throws the problem. */
  readonly authenticate: (request: Request) => Principal
  readonly tokenOf: (request: Request) => string
}

export type { ChannelKind }

export const tag: Tag = {
  name: 'Live updates',
  description:
    'What happens to a list, as it happens: over a WebSocket, or as Server-Sent Events. The AsyncAPI document describes the messages.',
}
