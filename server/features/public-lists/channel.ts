// The public list, to be watched by anybody.

import type { ChannelKind } from '../../realtime/channels.ts'

export const publicChannel: ChannelKind = {
  name: 'todos',
  description: 'The public list; no token is needed.',
  example: 'todos',
  needsToken: false,
  problems: [],
  resolve: () => 'todos',
}
