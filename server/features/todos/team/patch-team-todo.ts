// PATCH /api/teams/:teamId/todos/:id: a part of a todo of a team, merged by the worker.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { idempotencyKey } from '../../../http/write-headers.ts'
import { ifMatch } from '../if-match.ts'
import type { TodoParts } from '../parts.ts'
import { id, patchTypes, preferPersonal } from '../vocabulary.ts'
import { createTeamTodos } from './team-todos.ts'
import {
  acceptedInTeam,
  changeInTeamProblems,
  exampleChange,
  teamTodoChange,
  teamId,
  teamTodoTag,
  updatedInTeam,
} from './vocabulary.ts'

export const patchTeamTodo = (parts: TodoParts) => {
  const { permitChange, writerOf } = createTeamTodos(parts)
  return endpoint({
    method: 'PATCH',
    path: '/api/teams/:teamId/todos/:id',
    operationId: 'patchTeamTodo',
    summary: "Change a part of one of a team's todos",
    tag: teamTodoTag,
    auth: 'bearer',
    limit: 'user',
    params: { teamId, id },
    headers: { prefer: preferPersonal, ifMatch, idempotencyKey },
    body: {
      shape: teamTodoChange,
      examples: [exampleChange, { title: 'Order wide ribbons', assignee_id: null }],
      mediaTypes: patchTypes,
    },
    responses: [acceptedInTeam, updatedInTeam],
    problems: changeInTeamProblems,
    async handler(input) {
      const { params, body } = input
      await permitChange(input, 'update-todo', body.assignee_id)
      return writerOf(params.teamId).update(input, body)
    },
  })
}
