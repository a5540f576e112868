// The public list, to be watched by anybody.

import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import type { ChannelKind } from '../../realtime/channels.ts'

export type PublicChannelParts = { readonly store: Pick<TodoStore, 'listVersion'> }

export const publicChannel = ({ store }: PublicChannelParts): ChannelKind => ({
  name: 'todos',
  description: 'The public list; no token is needed.',
  example: 'todos',
  needsToken: false,
  hasPresence: false,
  problems: [],
  resolve: () => 'todos',
  version: () => store.listVersion(),
})
