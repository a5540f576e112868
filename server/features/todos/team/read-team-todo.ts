// GET /api/teams/:teamId/todos/:id: one of a team's todos.

import { endpoint } from '../../../http/contract/endpoint.ts'
import { ifNoneMatch } from '../../../http/contract/parameters.ts'
import { readQueueProblems } from '../../../http/problems.ts'
import { teamProblems } from '../../../identity/team-access.ts'
import { answerTodo, unreadable } from '../answer-with-todo.ts'
import { listVersionMin, listVersionOf } from '../list-version.ts'
import type { TodoParts } from '../parts.ts'
import { noSuchTodo, todoUnreadable } from '../problems.ts'
import { id } from '../vocabulary.ts'
import { mustSeeOf, writePositionMin } from '../write-position.ts'
import { createTeamTodos } from './team-todos.ts'
import { readInTeam, teamId, teamTodoTag } from './vocabulary.ts'

export const readTeamTodo = (parts: TodoParts) => {
  const { store, reads } = parts
  const { permit } = createTeamTodos(parts)
  return endpoint({
    method: 'GET',
    path: '/api/teams/:teamId/todos/:id',
    operationId: 'readTeamTodo',
    summary: "Read one of a team's todos",
    tag: teamTodoTag,
    auth: 'bearer',
    limit: 'user',
    params: { teamId, id },
    headers: { ifNoneMatch, listVersionMin, writePositionMin },
    responses: readInTeam,
    problems: [noSuchTodo, todoUnreadable, ...readQueueProblems, ...teamProblems],
    async handler({ principal: { userId }, params: { teamId, id }, headers }) {
      await permit(userId, teamId, ['read-todo'])
      const read = () => store.readTeamTodo(teamId, userId, id, mustSeeOf(headers))
      const { row, version } = (await reads.run(userId, read).catch(unreadable)) ?? {}
      return answerTodo(headers.ifNoneMatch, row, listVersionOf(version))
    },
  })
}
