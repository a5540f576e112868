// PUT /api/teams/:teamId/todos/:id: another title, description, state or assignee of a todo of a team.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { idempotencyKey } from '../../../http/write-headers.ts'
import { ifMatch } from '../if-match.ts'
import type { TodoParts } from '../parts.ts'
import { id, preferPersonal } from '../vocabulary.ts'
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

export const updateTeamTodo = (parts: TodoParts) => {
  const { permitChange, writerOf } = createTeamTodos(parts)
  return endpoint({
    method: 'PUT',
    path: '/api/teams/:teamId/todos/:id',
    operationId: 'updateTeamTodo',
    summary: "Update one of a team's todos",
    tag: teamTodoTag,
    auth: 'bearer',
    limit: 'user',
    params: { teamId, id },
    headers: { prefer: preferPersonal, ifMatch, idempotencyKey },
    body: {
      shape: teamTodoChange,
      examples: [exampleChange, { title: 'Order wide ribbons', assignee_id: null }],
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
