// What the endpoints of todos stand on, and the three kinds of todos: public ones, those that only their
// owner sees, or learns of, and whom he shares them with, and those of a team.

import { mayWithTodo, type TodoAction } from '../../../lib/domain/permission.ts'
import { bucketOf, bucketOfOwner } from '../../../lib/domain/todo-id.ts'
import type { CommandPublisher } from '../../../lib/command-log/command-log.ts'
import type { TodoRow } from '../../../lib/domain/todo.ts'
import type { PageCache } from '../../../lib/page-cache/page-cache.ts'
import type { Teams } from '../../../lib/teams/teams.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import type { ReadQueue } from '../../http/pending.ts'
import { Problem, type ProblemKind } from '../../http/problem.ts'
import type { Preferences } from '../../http/write-headers.ts'
import type { AppliedCommands } from './applied-commands.ts'
import { anothers, nothingWritten, notAnEditor } from './problems.ts'

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
  /** Whether ids of keyed creations say a bucket: where todos are in shards, each must. */
  readonly hasKeyedBuckets?: boolean
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
  /** What answers who knows of a todo, and may not do what he asks for. */
  readonly forbidden: ProblemKind
  /**
   * Rejects where it is known by now that it may not be done; the worker has the last word. Whether it is
   * by a share, which the worker then locks.
   */
  readonly permit: (userId: string, id: string, action: TodoAction) => Promise<boolean>
  /** Done before a write that took effect is answered. The version of its list, where that is told. */
  readonly onChanged: (ownerId: string) => Promise<number | undefined>
}

/** For so long the answer to a write waits; 0: it does not. */
export const waitSecOf = ({ waitSec, respondAsync }: Preferences, collection: Collection): number =>
  waitSec ?? (respondAsync ? 0 : collection.waitSec)

export const publicCollection = ({ store }: Pick<TodoParts, 'store'>): Collection => ({
  path: '/todos',
  isPersonal: false,
  waitSec: 0,
  read: (_userId, id) => store.readTodo(id),
  forbidden: anothers,
  permit: () => Promise.resolve(false),
  onChanged: () => Promise.resolve(undefined),
})

/** Applied within milliseconds, unless the worker is behind. */
export const personalWaitSec = 10

export const personalCollection = ({
  store,
  pages,
  reads,
}: Pick<TodoParts, 'store' | 'pages' | 'reads'>): Collection => ({
  path: '/api/todos',
  isPersonal: true,
  waitSec: personalWaitSec,
  read: async (userId, id) => (await store.readPersonalTodo(userId, id))?.row,
  forbidden: notAnEditor,
  async permit(userId, id, action) {
    const bucket = bucketOf(id)
    // Most are one's own, which costs no read; it may be on its way, and not be there yet.
    if (bucket !== undefined && bucket === bucketOfOwner(userId)) return false
    const found = await reads
      .run(userId, () => store.readPersonalTodo(userId, id))
      .catch(() => 'unreadable' as const)
    if (found === 'unreadable') return false
    // One without a bucket may be on its way, too. Whether it is another's, or none, is answered alike.
    if (!found && bucket === undefined) return false
    const standing = found?.standing ?? 'stranger'
    const verdict = mayWithTodo(action, standing)
    if (verdict === 'known') throw new Problem(notAnEditor)
    if (verdict === 'unknown') throw new Problem(nothingWritten)
    return standing !== 'owner'
  },
  // The worker says so too, but perhaps after the user's next request.
  async onChanged(ownerId) {
    const owner = `user:${ownerId}` as const
    const version = await store.pagesVersion(owner).catch(() => undefined)
    if (version !== undefined) await pages.changed(new Map([[owner, version]]))
    return version
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
  read: async (userId, id) => (await store.readTeamTodo(teamId, userId, id))?.row,
  forbidden: anothers,
  permit: () => Promise.resolve(false), // asked for by each endpoint: see team/team-todos.ts
  // Pages are compared with the team's version as they are read.
  onChanged: () => store.pagesVersion(`team:${teamId}`).catch(() => undefined),
})
