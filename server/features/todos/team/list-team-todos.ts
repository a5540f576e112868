// GET /api/teams/:teamId/todos: a team's todos, a page at a time.

import { namesSomething } from '../../../../lib/domain/must-see.ts'
import type { Range } from '../../../../lib/domain/page.ts'
import { named } from '../../../../lib/domain/shape.ts'
import { exampleTeamTodo, teamTodoShape } from '../../../../lib/domain/todo.ts'
import { notModified, type AnswerDescription } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { ifNoneMatch } from '../../../http/contract/parameters.ts'
import { teamProblems } from '../../../identity/team-access.ts'
import { listVersionMin } from '../list-version.ts'
import {
  createPages,
  orUnreadable,
  pageHeaders,
  pageOf,
  pageProblems,
  pageQuery,
} from '../pages.ts'
import { teamCollection, type TodoParts } from '../parts.ts'
import { mustSeeOf, writePositionMin } from '../write-position.ts'
import { createTeamTodos } from './team-todos.ts'
import { teamId, teamTodoTag } from './vocabulary.ts'

const route = '/api/teams/:teamId/todos'

const found: AnswerDescription = {
  status: 200,
  description:
    "The team's todos, newest first, all of one version. `Link` says where the list goes on.",
  headers: pageHeaders,
  content: {
    mediaType: 'application/json',
    shape: named('TeamTodoPage', pageOf(teamTodoShape)),
    examples: [{ total: 11, limit: 10, page: 2, todos: [exampleTeamTodo] }],
  },
}

export const listTeamTodos = (parts: TodoParts) => {
  const { store } = parts
  const { permit } = createTeamTodos(parts)
  const reply = createPages(parts)
  return endpoint({
    method: 'GET',
    path: route,
    operationId: 'listTeamTodos',
    summary: "List a team's todos, a page at a time",
    tag: teamTodoTag,
    auth: 'bearer',
    limit: 'user',
    params: { teamId },
    query: pageQuery(route),
    headers: { ifNoneMatch, listVersionMin, writePositionMin },
    responses: [found, notModified(pageHeaders)],
    problems: [...pageProblems, ...teamProblems],
    async handler({ principal: { userId }, params: { teamId }, query, headers }) {
      const owner = `team:${teamId}` as const
      const named = mustSeeOf(headers)
      const isOfReader = namesSomething(named)
      // The primary is asked who is in the team anyway: so is the version, and no page is out of date. Redis
      // and replicas know only what has come there so far: a worker may have died before it announced a
      // change, and the end of a membership announces none. What the reader has seen, he alone can say.
      const [version] = await Promise.all([
        isOfReader ? named.version : store.pagesVersion(owner).catch(orUnreadable),
        permit(userId, teamId, ['list-team-todos']),
      ])
      const { path } = teamCollection(parts, teamId)
      const mustSee = { ...named, version }
      const readSlice = (range: Range) => store.readTeamSlice(teamId, range, mustSee)
      const listed = { owner, readSlice, mustSee, isOfReader, path, route }
      return reply(userId, listed, query, headers.ifNoneMatch)
    },
  })
}
