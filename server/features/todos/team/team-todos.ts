// What the endpoints of a team's todos share: whether somebody may, as things stand when he asks, and the
// writer. What he asks for is judged again where it is applied, under the lock of his membership.

import {
  mayInTeam,
  mayWithTodo,
  type TeamAction,
  type TodoAction,
} from '../../../../lib/domain/permission.ts'
import type { Principal } from '../../../http/contract/endpoint.ts'
import { Problem } from '../../../http/problem.ts'
import { notAllowedInTeam, orUnavailable, requireInTeam } from '../../../identity/team-access.ts'
import { conditionOf } from '../if-match.ts'
import { teamCollection, type TodoParts } from '../parts.ts'
import { notAMember } from '../problems.ts'
import { createWriter } from '../write.ts'

type ChangeRequest = {
  readonly principal: Principal
  readonly params: { readonly teamId: string }
  readonly headers: Parameters<typeof conditionOf>[0]
}
type Action = TodoAction | Extract<TeamAction, 'list-team-todos' | 'create-team-todo'>

export const createTeamTodos = (parts: TodoParts) => {
  const standing = (userId: string, teamId: string) =>
    orUnavailable(parts.teams.standing(userId, teamId))

  /** A todo of a team is nothing to those who may not know of the team. */
  const permit = async (userId: string, teamId: string, actions: readonly Action[]) => {
    const found = await standing(userId, teamId)
    requireInTeam(found, 'list-team-todos')
    for (const action of actions) {
      if (action === 'list-team-todos' || action === 'create-team-todo') {
        requireInTeam(found, action)
      } else if (
        mayWithTodo(action, found === 'admin' ? 'team-admin' : 'team-member') !== 'allowed'
      ) {
        throw new Problem(notAllowedInTeam)
      }
    }
  }

  /** Null and undefined are nobody. */
  const permitAssignee = async (teamId: string, assignee: string | null | undefined) => {
    if (typeof assignee !== 'string') return
    const isMember = mayInTeam('list-team-todos', await standing(assignee, teamId)) === 'allowed'
    if (!isMember) throw new Problem(notAMember)
  }

  return {
    permit,
    permitAssignee,
    /** Of a todo that is there: also whether the request has the condition that it needs. */
    async permitChange(
      { principal, params, headers }: ChangeRequest,
      action: 'update-todo' | 'delete-todo',
      assignee?: string | null,
    ) {
      const { userId } = principal
      conditionOf(headers, teamCollection(parts, params.teamId), parts.requiresIfMatch)
      await permit(
        userId,
        params.teamId,
        assignee === undefined ? [action] : [action, 'assign-todo'],
      )
      await permitAssignee(params.teamId, assignee)
    },
    writerOf: (teamId: string) => createWriter(parts, teamCollection(parts, teamId)),
  }
}
