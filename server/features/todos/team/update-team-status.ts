// PATCH /api/teams/:teamId/todos/:id/status: whether a todo of a team is done, and nothing else. Without a
// body it becomes what it was not, which the worker finds out.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { idempotencyKey } from '../../../http/write-headers.ts'
import { teamProblems } from '../../../identity/team-access.ts'
import { ifMatch } from '../if-match.ts'
import type { TodoParts } from '../parts.ts'
import { changeProblems } from '../problems.ts'
import { id, preferPersonal, status } from '../vocabulary.ts'
import { createTeamTodos } from './team-todos.ts'
import { acceptedInTeam, teamId, teamTodoTag, updatedInTeam } from './vocabulary.ts'

export const updateTeamStatus = (parts: TodoParts) => {
  const { permitChange, writerOf } = createTeamTodos(parts)
  return endpoint({
    method: 'PATCH',
    path: '/api/teams/:teamId/todos/:id/status',
    operationId: 'updateTeamStatus',
    summary: "Mark one of a team's todos as done or not",
    description: 'Without a body, a todo that is done becomes one that is not, and the reverse.',
    tag: teamTodoTag,
    auth: 'bearer',
    limit: 'user',
    params: { teamId, id },
    headers: { prefer: preferPersonal, ifMatch, idempotencyKey },
    body: {
      shape: status,
      examples: [{ completed: true }, { status: 'pending' }],
      whenEmpty: 'toggle',
    },
    responses: [acceptedInTeam, updatedInTeam],
    problems: [...changeProblems, ...teamProblems],
    async handler(input) {
      const { params, body } = input
      await permitChange(input, 'update-todo')
      const writer = writerOf(params.teamId)
      return body === 'toggle' ? writer.toggle(input) : writer.update(input, body)
    },
  })
}
