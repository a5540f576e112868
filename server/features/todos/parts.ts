// What the endpoints of todos stand on, and the three kinds of todos: public ones, those that only their
// owner sees, or learns of, and those of a team.

import type { CommandPublisher } from '../../../lib/command-log/command-log.ts'
import type { TodoRow } from '../../../lib/domain/todo.ts'
import type { PageCache } from '../../../lib/page-cache/page-cache.ts'
import type { Teams } from '../../../lib/teams/teams.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import type { ReadQueue } from '../../http/pending.ts'
import type { Preferences } from '../../http/write-headers.ts'
import type { AppliedCommands } from './applied-commands.ts'

export type TodoParts = {
  readonly publisher: CommandPublisher
  readonly store: Pick<
    TodoStore,
    | 'claimIdempotencyKey'
    | 'readTodo'
    | 'readPersonalTodo'
    | 'readPage'
    | 'readPersonalSlice'
    | 'readTeamTodo'
    | 'readTeamSlice'
    | 'pagesVersion'
  >
  readonly applied: AppliedCommands
  readonly teams: Pick<Teams, 'standing'>
  readonly pages: PageCache
  readonly reads: ReadQueue
  /** Then no todo is changed or deleted without If-Match. */
  readonly requiresIfMatch: boolean
}

/** Todos of one kind: where they are, and what is special about them. */
export type Collection = {
  readonly path: string
  readonly isPersonal: boolean
  /** Of those of a team. */
  readonly teamId?: string
  /** For so long a write waits for its effect, unless `Prefer` says otherwise. */
  readonly waitSec: number
  readonly read: (userId: string, id: string) => Promise<TodoRow | undefined>
  /** Done before a write that took effect is answered. Never rejects. */
  readonly onChanged: (userId: string) => Promise<void>
}

/** For so long the answer to a write waits; 0: it does not. */
export const waitSecOf = ({ waitSec, respondAsync }: Preferences, collection: Collection): number =>
  waitSec ?? (respondAsync ? 0 : collection.waitSec)

export const publicCollection = ({ store }: Pick<TodoParts, 'store'>): Collection => ({
  path: '/todos',
  isPersonal: false,
  waitSec: 0,
  read: (_userId, id) => store.readTodo(id),
  onChanged: () => Promise.resolve(),
})

/** Applied within milliseconds, unless the worker is behind. */
export const personalWaitSec = 10

export const personalCollection = ({
  store,
  pages,
}: Pick<TodoParts, 'store' | 'pages'>): Collection => ({
  path: '/api/todos',
  isPersonal: true,
  waitSec: personalWaitSec,
  read: (userId, id) => store.readPersonalTodo(userId, id),
  // The worker says so too, but perhaps after the user's next request.
  async onChanged(userId) {
    const owner = `user:${userId}` as const
    const version = await store.pagesVersion(owner).catch(() => undefined)
    if (version !== undefined) await pages.changed(new Map([[owner, version]]))
  },
})

export const teamCollection = (
  { store }: Pick<TodoParts, 'store'>,
  teamId: string,
): Collection => ({
  path: `/api/teams/${teamId}/todos`,
  isPersonal: false,
  teamId,
  waitSec: personalWaitSec,
  read: (userId, id) => store.readTeamTodo(teamId, userId, id),
  // Pages are compared with the team's version as they are read.
  onChanged: () => Promise.resolve(),
})
