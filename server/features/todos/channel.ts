// Your own todos, to be watched by you.

import { userChannel, userOf } from '../../../lib/domain/event.ts'
import type { ChannelKind } from '../../realtime/channels.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'

export type OwnChannelParts = { readonly store: Pick<TodoStore, 'pagesVersion'> }

export const ownChannel = ({ store }: OwnChannelParts): ChannelKind => ({
  name: 'mine',
  description: 'Your own todos.',
  example: 'mine',
  needsToken: true,
  hasPresence: false,
  problems: [],
  resolve: (principal) => userChannel(principal?.userId ?? ''),
  version: (channel) => store.pagesVersion(`user:${userOf(channel)}`),
})
