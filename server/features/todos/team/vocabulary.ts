// What several endpoints of a team's todos accept and answer: each once, for the handlers and for the
// document.

import { teamChangeOf } from '../../../../lib/domain/command.ts'
import { named, object, optional } from '../../../../lib/domain/shape.ts'
import {
  assigneeId,
  exampleTeamTodo,
  newTitle,
  teamTodoShape,
} from '../../../../lib/domain/todo.ts'
import { answer, notModified, type AnswerDescription } from '../../../http/contract/answer.ts'
import {
  etag,
  locationUnder,
  notWaited,
  privateNoCache,
  waitedIfAsked,
} from '../../../http/response-headers.ts'
import { teamId as id, teamProblems } from '../../../identity/team-access.ts'
import { listVersion } from '../list-version.ts'
import { changeProblems, notAMember } from '../problems.ts'
import { acceptedBody, ignored, newTodoMembers } from '../vocabulary.ts'
import { writePosition } from '../write-position.ts'

export const teamTodoTag = {
  name: 'Team todos',
  description: 'Todos of a team: its members see them, and change them.',
}

/** In a path with two ids. */
export const teamId = { ...id, component: 'TeamOfTodos' }

export const newTeamTodo = named(
  'NewTeamTodo',
  object({ ...newTodoMembers, assignee_id: optional(assigneeId) }, { description: ignored }),
)
export const teamTodoChange = named('TeamTodoChange', teamChangeOf(newTitle))
export const exampleChange = { completed: true, assignee_id: exampleTeamTodo.user_id }

const oneTodo = {
  mediaType: 'application/json',
  shape: teamTodoShape,
  examples: [exampleTeamTodo],
}
export const acceptedInTeam = answer({
  status: 202,
  component: 'AcceptedInTeam',
  description:
    'With `Prefer: respond-async`, or when the wait timed out: the command is durably in the log, and will be applied in its order, if you are still in the team then.',
  headers: [locationUnder('/api/teams'), notWaited, writePosition],
  ...acceptedBody,
})
export const readInTeam: readonly AnswerDescription[] = [
  {
    status: 200,
    description: 'The todo.',
    headers: [etag, privateNoCache, listVersion],
    content: oneTodo,
  },
  notModified([etag, privateNoCache, listVersion]),
]
export const createdInTeam: AnswerDescription = {
  status: 201,
  description: 'The created todo.',
  headers: [etag, privateNoCache, locationUnder('/api/teams'), waitedIfAsked, listVersion],
  content: oneTodo,
}
export const updatedInTeam: AnswerDescription = {
  status: 200,
  component: 'UpdatedInTeam',
  description: 'The updated todo.',
  headers: [etag, privateNoCache, waitedIfAsked, listVersion],
  content: oneTodo,
}
export const changeInTeamProblems = [notAMember, ...changeProblems, ...teamProblems] as const
