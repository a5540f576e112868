// Who may do what a command asks for, decided where it is applied: from rows of memberships that are
// locked until then. So once a membership has ended, no command of that member has an effect any more,
// whenever it was accepted.

import type { Command, CommandOutcome } from '../../lib/domain/command.ts'
import {
  mayInTeam,
  mayWithTodo,
  type TodoAction,
  type TodoStanding,
  type Verdict,
} from '../../lib/domain/permission.ts'
import type { Membership, TeamRole } from '../../lib/domain/team.ts'
import type { TodoRow } from '../../lib/domain/todo.ts'
import type { Member, StoreTransaction } from '../../lib/todo-store/todo-store.ts'

/** What commands are judged by. */
export type Access = {
  roleOf(teamId: string, userId: string): TeamRole | undefined
}

/** Of commands that need nothing but the row of their todo. */
export const noAccess: Access = { roleOf: () => undefined }

/** Locks what `commands` are judged by; before the rows of their todos (see lockMemberships). */
export const lockAccess = async (
  transaction: Pick<StoreTransaction, 'lockMemberships'>,
  commands: readonly Command[],
): Promise<Access> => {
  const memberships = membershipsOf(commands)
  return memberships.length === 0
    ? noAccess
    : accessOf(await transaction.lockMemberships(memberships))
}

export const accessOf = (members: readonly Member[]): Access => {
  const roles = new Map(members.map((one) => [keyOf(one.teamId, one.userId), one.role]))
  return { roleOf: (teamId, userId) => roles.get(keyOf(teamId, userId)) }
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
  // That another's personal todo is there is nobody's business.
  return row.is_personal ? 'stranger' : 'public-reader'
}

const actionsOf = (command: Command): readonly TodoAction[] => {
  if (command.kind === 'delete') return ['delete-todo']
  return assigneeOf(command) === undefined ? ['update-todo'] : ['update-todo', 'assign-todo']
}
