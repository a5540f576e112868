// POST /api/teams/:teamId/todos: a todo that the members of a team see and change.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { idempotencyKey } from '../../../http/write-headers.ts'
import { teamProblems } from '../../../identity/team-access.ts'
import type { TodoParts } from '../parts.ts'
import {
  idInUse,
  keyUnchecked,
  keyUsed,
  notAMember,
  notInTeam,
  writeProblems,
  writeTooLarge,
} from '../problems.ts'
import { preferPersonal } from '../vocabulary.ts'
import { createTeamTodos } from './team-todos.ts'
import { acceptedInTeam, createdInTeam, newTeamTodo, teamId, teamTodoTag } from './vocabulary.ts'

export const createTeamTodo = (parts: TodoParts) => {
  const { permit, permitAssignee, writerOf } = createTeamTodos(parts)
  return endpoint({
    method: 'POST',
    path: '/api/teams/:teamId/todos',
    operationId: 'createTeamTodo',
    summary: "Create a todo of a team's",
    tag: teamTodoTag,
    auth: 'bearer',
    limit: 'user',
    params: { teamId },
    headers: { prefer: preferPersonal, idempotencyKey },
    body: { shape: newTeamTodo, examples: [{ title: 'Order ribbons' }] },
    responses: [acceptedInTeam, createdInTeam],
    problems: [
      notAMember,
      notInTeam,
      idInUse,
      writeTooLarge,
      keyUnchecked,
      keyUsed,
      ...writeProblems,
      ...teamProblems,
    ],
    async handler(input) {
      const { principal, params, body } = input
      await permit(principal.userId, params.teamId, ['create-team-todo'])
      await permitAssignee(params.teamId, body.assignee_id)
      return writerOf(params.teamId).create(input)
    },
  })
}
