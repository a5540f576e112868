// The list of a team, to be watched by who is in it.

import { teamChannel as channelOf, teamOf } from '../../../lib/domain/event.ts'
import { uuid } from '../../../lib/domain/team.ts'
import type { ChannelKind } from '../../realtime/channels.ts'
import { Problem } from '../../http/problem.ts'
import { teamProblems } from '../../identity/team-access.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import type { TeamParts } from './parts.ts'
import { refusals, valueOf } from './problems.ts'

export type TeamChannelParts = Pick<TeamParts, 'teams'> & {
  readonly store: Pick<TodoStore, 'pagesVersion'>
}

export const teamChannel = ({ teams, store }: TeamChannelParts): ChannelKind => ({
  name: 'team:{id}',
  description: 'The todos of a team that you are in, and who is in it.',
  example: 'team:3f0e6f6c-6a1b-4c5e-9b59-5f5b6c1d2e3f',
  needsToken: true,
  hasPresence: true,
  problems: teamProblems,
  async resolve(principal, id) {
    const pattern = new RegExp(uuid.schema.pattern ?? '')
    if (!principal || !pattern.test(id)) throw new Problem(refusals['unknown-team'])
    // Who may read the team may read its list (lib/domain/permission.ts).
    await valueOf(teams.read(principal.userId, id))
    return channelOf(id)
  },
  version: (channel) => store.pagesVersion(`team:${teamOf(channel)}`),
})
