// GET /api/profile/export: your account, your teams and all your todos, as one file.

import { listInParts, partCount } from '../../../lib/domain/list-parts.ts'
import { list, named, object, oneOf, time } from '../../../lib/domain/shape.ts'
import { teamName, teamRoles, uuid } from '../../../lib/domain/team.ts'
import type { Position } from '../../../lib/domain/page.ts'
import { exampleTodo, todoShape } from '../../../lib/domain/todo.ts'
import type { Teams } from '../../../lib/teams/teams.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import type { AnswerDescription } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { createStreamed } from '../../http/engines/engine.ts'
import type { ReadQueue } from '../../http/pending.ts'
import { orProblem, Problem, unavailable } from '../../http/problem.ts'
import { readQueueProblems } from '../../http/problems.ts'
import { constantsOf, noStore, type ResponseHeader } from '../../http/response-headers.ts'
import { jsonHeaders } from '../../http/security-headers.ts'
import {
  accountShape,
  accountsUnavailable,
  exampleAccount,
  orUnavailable,
  tag,
  type AccountParts,
} from './parts.ts'
import { noAccount } from './read-profile.ts'
import { exampleSession, sessionMembers } from './sessions/vocabulary.ts'

const asFile: ResponseHeader = {
  name: 'Content-Disposition',
  description: 'A browser saves it as a file.',
  schema: { type: 'string', const: 'attachment; filename="todos-export.json"' },
  isRequired: true,
  value: 'attachment; filename="todos-export.json"',
}
const headers = [noStore, asFile]
const membershipShape = named(
  'Membership',
  object({
    team_id: uuid,
    team_name: teamName,
    role: oneOf(...teamRoles),
    joined_at: time,
  }),
)
const exampleMembership = {
  team_id: '5f0d3c1e-8f43-4c51-9a55-0e8a0d6f3b7a',
  team_name: 'Flower shop',
  role: 'admin',
  joined_at: new Date('2026-01-31T12:00:00.000Z'),
} as const
const all: AnswerDescription = {
  status: 200,
  description:
    'The account, where it is logged in, the teams that it is in, and all its todos, newest first, as they are read. What changes meanwhile may be in it or not.',
  headers,
  content: {
    mediaType: 'application/json',
    shape: named(
      'Export',
      object({
        account: accountShape,
        sessions: list(object(sessionMembers)),
        memberships: list(membershipShape),
        todos: list(todoShape),
      }),
    ),
    examples: [
      {
        account: exampleAccount,
        sessions: [exampleSession],
        memberships: [exampleMembership],
        todos: [exampleTodo],
      },
    ],
  },
}
const unreadable = unavailable(
  {
    slug: 'export-unreadable',
    when: 'The todos for the export can not be read now.',
    remedy: 'Wait for `Retry-After`, then ask again. `/ready` says which dependency is down.',
  },
  "the todos can't be read now",
)

export type ExportParts = Pick<AccountParts, 'accounts' | 'administration'> & {
  readonly store: Pick<TodoStore, 'readPersonalSlice'>
  readonly teams: Pick<Teams, 'listOf'>
  readonly reads: ReadQueue
}

export const exportProfile = (parts: ExportParts) =>
  endpoint({
    method: 'GET',
    path: '/api/profile/export',
    operationId: 'exportProfile',
    summary: 'Export your account, your teams and your todos',
    tag,
    auth: 'bearer',
    limit: 'user',
    isStreamed: true,
    responses: [all],
    problems: [noAccount, accountsUnavailable, unreadable, ...readQueueProblems],
    async handler({ principal: { userId } }) {
      const user = await orUnavailable(parts.accounts.findUser(userId))
      if (!user) throw new Problem(noAccount)
      // Nothing of it is secret, as the password's hash is.
      const { id, email, created_at } = user
      const account = JSON.stringify({ id, email, created_at })
      const sessions = JSON.stringify(await orUnavailable(parts.administration.sessions(userId)))
      const memberships = JSON.stringify(await orUnavailable(membershipsOf(userId, parts.teams)))
      const before = `{"account":${account},"sessions":${sessions},"memberships":${memberships},"todos":`
      const fixed = [...jsonHeaders, ...constantsOf(headers)]
      return createStreamed(200, fixed, exportOf(before, userId, parts))
    },
  })

const teamsAtOnce = 100

/** There are TEAMS_PER_USER_MAX at most. */
const membershipsOf = async (userId: string, teams: ExportParts['teams']) => {
  const memberships = []
  let after: Position | undefined
  do {
    const { items, next } = await teams.listOf(userId, { after, count: teamsAtOnce })
    for (const { id, name, role, joinedAt } of items)
      memberships.push({ team_id: id, team_name: name, role, joined_at: joinedAt })
    after = next
  } while (after)
  return memberships
}

async function* exportOf(beginning: string, userId: string, { store, reads }: ExportParts) {
  let before = beginning
  const todos = listInParts((after) =>
    reads
      .run(userId, () => store.readPersonalSlice(userId, { after, count: partCount }))
      .catch(orProblem(unreadable)),
  )
  for await (const part of todos) {
    yield Buffer.concat([Buffer.from(before), part])
    before = ''
  }
  yield Buffer.from('}')
}
