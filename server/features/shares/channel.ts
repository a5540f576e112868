// One personal todo, to be watched by its owner and by those whom it is shared with.

import { todoChannel, todoOf } from '../../../lib/domain/event.ts'
import { idPattern } from '../../../lib/domain/todo.ts'
import { Problem } from '../../http/problem.ts'
import type { ChannelKind } from '../../realtime/channels.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import type { ShareParts } from './parts.ts'
import { orUnavailable, refusals, sharesUnavailable } from './problems.ts'

export type SharedTodoChannelParts = ShareParts & { readonly store: Pick<TodoStore, 'revisionOf'> }

export const sharedTodoChannel = ({ shares, store }: SharedTodoChannelParts): ChannelKind => ({
  name: 'todo:{id}',
  description: 'One personal todo that is shared: your own, or one that you may see.',
  example: 'todo:kT5bJb9jQmWv3rVbQm1XqQ-0000000042',
  needsToken: true,
  hasPresence: false,
  problems: [refusals['unknown-todo'], sharesUnavailable],
  async resolve(principal, id) {
    if (!principal || !idPattern.test(id)) throw new Problem(refusals['unknown-todo'])
    // Whoever is anything to a todo may read it (lib/domain/permission.ts).
    const standing = await orUnavailable(shares.standingOf(principal.userId, id))
    if (!standing) throw new Problem(refusals['unknown-todo'])
    return todoChannel(id)
  },
  version: (channel) => store.revisionOf(todoOf(channel)),
})
