// GET /api/profile/export: your account and all your todos, as one file.

import { listInParts, partCount } from '../../../lib/domain/list-parts.ts'
import { list, named, object } from '../../../lib/domain/shape.ts'
import { exampleTodo, todoShape } from '../../../lib/domain/todo.ts'
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

const asFile: ResponseHeader = {
  name: 'Content-Disposition',
  description: 'A browser saves it as a file.',
  schema: { type: 'string', const: 'attachment; filename="todos-export.json"' },
  isRequired: true,
  value: 'attachment; filename="todos-export.json"',
}
const headers = [noStore, asFile]
const all: AnswerDescription = {
  status: 200,
  description:
    'The account, and all its todos, newest first, as they are read. What changes meanwhile may be in it or not.',
  headers,
  content: {
    mediaType: 'application/json',
    shape: named('Export', object({ account: accountShape, todos: list(todoShape) })),
    examples: [{ account: exampleAccount, todos: [exampleTodo] }],
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

export type ExportParts = Pick<AccountParts, 'accounts'> & {
  readonly store: Pick<TodoStore, 'readPersonalSlice'>
  readonly reads: ReadQueue
}

export const exportProfile = (parts: ExportParts) =>
  endpoint({
    method: 'GET',
    path: '/api/profile/export',
    operationId: 'exportProfile',
    summary: 'Export your account and your todos',
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
      const fixed = [...jsonHeaders, ...constantsOf(headers)]
      return createStreamed(200, fixed, exportOf(account, userId, parts))
    },
  })

async function* exportOf(account: string, userId: string, { store, reads }: ExportParts) {
  let before = `{"account":${account},"todos":`
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
