// Who may do what a command asks for, decided where it is applied: from rows of memberships and shares
// that are locked until then. So once one of them has ended, no command that relied on it has an effect
// any more, whenever it was accepted.

import type { Command, CommandOutcome } from '../../lib/domain/command.ts'
import {
  mayInTeam,
  mayWithTodo,
  type TodoAction,
  type TodoStanding,
  type Verdict,
} from '../../lib/domain/permission.ts'
import type { Membership, TeamRole } from '../../lib/domain/team.ts'
import type { ShareRole } from '../../lib/domain/share.ts'
import type { TodoRow } from '../../lib/domain/todo.ts'
import type {
  Asked,
  Member,
  LockedShare,
  StoreTransaction,
} from '../../lib/todo-store/todo-store.ts'

/** What commands are judged by. */
export type Access = {
  roleOf(teamId: string, userId: string): TeamRole | undefined
  /** The strongest that shares of the todo give. */
  shareRoleOf(todoId: string, userId: string): ShareRole | undefined
}

/** Of commands that need nothing but the row of their todo. */
export const noAccess: Access = { roleOf: () => undefined, shareRoleOf: () => undefined }

type Locks = Pick<StoreTransaction, 'lockMemberships' | 'lockShares'>

/** Locks what `commands` are judged by; before the rows of their todos (see lockMemberships). */
export const lockAccess = async (
  transaction: Locks,
  commands: readonly Command[],
): Promise<Access> => {
  const asked = commands.filter(({ isShared }) => isShared)
  const memberships = membershipsOf(commands)
  return asked.length === 0 && memberships.length === 0
    ? noAccess
    : lock(transaction, memberships, asked)
}

/**
 * The same with what else `rows` show to be needed. Whoever has accepted a command takes a todo for its
 * author's own if both are in one bucket, as two users in 4,096 are. Locked so late it may end in a
 * deadlock, which is tried again.
 */
export const lockUnexpected = async (
  transaction: Locks,
  commands: readonly Command[],
  rows: ReadonlyMap<string, TodoRow>,
  access: Access,
): Promise<Access> => {
  const asked = commands.filter(({ isPersonal, isShared, todoId, userId }) => {
    if (!isPersonal || isShared) return false
    const row = rows.get(todoId)
    return row?.is_personal === true && row.team_id === null && row.user_id !== userId
  })
  if (asked.length === 0) return access
  const late = await lock(transaction, [], asked)
  return {
    roleOf: access.roleOf,
    shareRoleOf: (...one) => access.shareRoleOf(...one) ?? late.shareRoleOf(...one),
  }
}

/** Both are sent at once. */
const lock = async (
  transaction: Locks,
  memberships: readonly Membership[],
  asked: readonly Asked[],
): Promise<Access> =>
  accessOf(
    ...(await Promise.all([
      transaction.lockMemberships(memberships, asked),
      transaction.lockShares(asked),
    ])),
  )

export const accessOf = (
  members: readonly Member[],
  shares: readonly LockedShare[] = [],
): Access => {
  const roles = new Map(members.map((one) => [keyOf(one.teamId, one.userId), one.role]))
  const roleOf: Access['roleOf'] = (teamId, userId) => roles.get(keyOf(teamId, userId))
  const isFor = (share: LockedShare, userId: string) =>
    share.teamId === null ? share.userId === userId : roleOf(share.teamId, userId) !== undefined
  return {
    roleOf,
    shareRoleOf(todoId, userId) {
      const found = shares.filter((one) => one.todoId === todoId && isFor(one, userId))
      return found.find(({ role }) => role === 'editor')?.role ?? found[0]?.role
    },
  }
}

/** Of the authors, and of those to whom a todo is assigned. */
const membershipsOf = (commands: readonly Command[]): Membership[] => {
  const memberships = new Map<string, Membership>()
  for (const command of commands) {
    const { teamId, userId } = command
    if (teamId === undefined) continue
    for (const one of [userId, assigneeOf(command)]) {
      if (typeof one === 'string') memberships.set(keyOf(teamId, one), { teamId, userId: one })
    }
  }
  return [...memberships.values()]
}

const keyOf = (teamId: string, userId: string) => `${teamId} ${userId}`

/** Null: nobody; undefined: it stays as it is. */
const assigneeOf = (command: Command): string | null | undefined => {
  if (command.kind === 'create') return command.assigneeId
  return command.kind === 'update' ? command.change.assignee_id : undefined
}

/** Why the author may not do it to this row, which may not be there; undefined: he may. */
export const refusalOf = (
  command: Command,
  row: TodoRow | undefined,
  access: Access,
): Exclude<CommandOutcome, 'applied'> | undefined => {
  const { teamId } = command
  if (command.kind !== 'create' && !(row && isWhereAsked(command, row))) return 'not-found'
  const verdict =
    command.kind === 'create' ? mayCreate(command, access) : mayChange(command, row, access)
  if (verdict !== 'allowed') return verdict === 'known' ? 'forbidden' : 'not-found'
  const assignee = assigneeOf(command)
  if (teamId === undefined || typeof assignee !== 'string') return undefined
  return access.roleOf(teamId, assignee) ? undefined : 'assignee-not-a-member'
}

/** A public todo, a personal one and one of a team are asked for at different places. */
const isWhereAsked = ({ isPersonal, teamId }: Command, row: TodoRow): boolean =>
  row.team_id === null
    ? teamId === undefined && row.is_personal === (isPersonal === true)
    : row.team_id === teamId

const mayCreate = ({ teamId, userId }: Command, access: Access): Verdict =>
  teamId === undefined
    ? 'allowed'
    : mayInTeam('create-team-todo', access.roleOf(teamId, userId) ?? 'former-member')

const mayChange = (command: Command, row: TodoRow | undefined, access: Access): Verdict => {
  if (!row) return 'unknown'
  const standing = standingOf(command, row, access)
  const verdicts = actionsOf(command).map((action) => mayWithTodo(action, standing))
  return verdicts.find((verdict) => verdict !== 'allowed') ?? 'allowed'
}

const standingOf = ({ userId }: Command, row: TodoRow, access: Access): TodoStanding => {
  if (row.team_id !== null) {
    const role = access.roleOf(row.team_id, userId)
    return role === undefined ? 'former' : `team-${role}`
  }
  if (row.user_id === userId) return 'owner'
  if (!row.is_personal) return 'public-reader'
  // That another's personal todo is there is nobody's business, but of those whom it is shared with.
  return access.shareRoleOf(row.id, userId) ?? 'stranger'
}

const actionsOf = (command: Command): readonly TodoAction[] => {
  if (command.kind === 'delete') return ['delete-todo']
  return assigneeOf(command) === undefined ? ['update-todo'] : ['update-todo', 'assign-todo']
}
