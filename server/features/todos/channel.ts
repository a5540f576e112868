// Your own todos, to be watched by you.

import { userChannel } from '../../../lib/domain/event.ts'
import type { ChannelKind } from '../../realtime/channels.ts'

export const ownChannel: ChannelKind = {
  name: 'mine',
  description: 'Your own todos.',
  example: 'mine',
  needsToken: true,
  problems: [],
  resolve: (principal) => userChannel(principal?.userId ?? ''),
}
