// Live updates: a WebSocket, an event stream, and the document of their messages.

import type { Endpoint } from '../../http/contract/endpoint.ts'
import type { ChannelKind } from '../../realtime/channels.ts'
import { getAsyncApi } from './get-async-api.ts'
import { openWebSocket } from './open-web-socket.ts'
import type { WatchParts } from './parts.ts'
import { watchChannel } from './watch-channel.ts'

export type LiveEndpointParts = {
  readonly watch: WatchParts
  /** Where clients reach the API; empty when that is not known. */
  readonly publicUrl: string
}

export const liveEndpoints = (
  parts: LiveEndpointParts,
  kinds: readonly ChannelKind[],
): Endpoint[] => [
  openWebSocket(parts),
  watchChannel({ ...parts, kinds }),
  getAsyncApi(parts.publicUrl, kinds),
]
