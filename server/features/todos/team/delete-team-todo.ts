// DELETE /api/teams/:teamId/todos/:id: a todo of a team.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { idempotencyKey } from '../../../http/write-headers.ts'
import { teamProblems } from '../../../identity/team-access.ts'
import { ifMatch } from '../if-match.ts'
import type { TodoParts } from '../parts.ts'
import { conditionProblems, keyProblems, nothingWritten, writeProblems } from '../problems.ts'
import { deletedPersonal, id, preferPersonal } from '../vocabulary.ts'
import { createTeamTodos } from './team-todos.ts'
import { acceptedInTeam, teamId, teamTodoTag } from './vocabulary.ts'

export const deleteTeamTodo = (parts: TodoParts) => {
  const { permitChange, writerOf } = createTeamTodos(parts)
  return endpoint({
    method: 'DELETE',
    path: '/api/teams/:teamId/todos/:id',
    operationId: 'deleteTeamTodo',
    summary: "Delete one of a team's todos",
    tag: teamTodoTag,
    auth: 'bearer',
    limit: 'user',
    params: { teamId, id },
    headers: { prefer: preferPersonal, ifMatch, idempotencyKey },
    responses: [acceptedInTeam, deletedPersonal],
    problems: [
      nothingWritten,
      ...conditionProblems,
      ...keyProblems,
      ...writeProblems,
      ...teamProblems,
    ],
    async handler(input) {
      await permitChange(input, 'delete-todo')
      return writerOf(input.params.teamId).remove(input)
    },
  })
}
