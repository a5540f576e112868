// GET /todos/:id: one public todo, from Postgres. Not the hot path: lists are.

import { parseTodoId, todoJson } from '../../../lib/domain/todo.ts'
import type { TodoRow } from '../../../lib/domain/todo.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import type { ClientOf } from '../../http/client-address.ts'
import { holds } from '../../http/encodings.ts'
import { createReply, type Reply, type Request } from '../../http/engines/engine.ts'
import type { ReadQueue } from '../../http/pending.ts'
import { Problem, checkField, unavailable } from '../../http/problem.ts'
import type { Handler } from '../../http/router.ts'
import { jsonHeaders } from '../../http/security-headers.ts'

export type ReadTodoParts = {
  readonly store: Pick<TodoStore, 'readTodo'>
  readonly reads: ReadQueue
  readonly clientOf: ClientOf
}

export const readTodo =
  ({ store, reads, clientOf }: ReadTodoParts): Handler =>
  (request, id) => {
    const todoId = checkField(() => parseTodoId(id))
    return answerWithTodo(request, () => reads.run(clientOf(request), () => store.readTodo(todoId)))
  }

export const answerWithTodo = async (
  request: Request,
  read: () => Promise<TodoRow | undefined>,
): Promise<Reply> => {
  const row = await read().catch((error: unknown) => {
    if (error instanceof Problem) throw error
    throw unavailable("the todo can't be read now", { cause: error })
  })
  if (!row) throw new Problem(404, 'there is no such todo')
  const ifNoneMatch = request.header('if-none-match')
  if (ifNoneMatch === undefined || !holds(ifNoneMatch, etagOf(row))) return todoReply(200, row)
  return { status: 304, headers: validators(row), body: Buffer.alloc(0), close: false }
}

/** `headers` come on top of those that every todo has. */
export const todoReply = (
  status: 200 | 201,
  row: TodoRow,
  headers: readonly string[] = [],
): Reply => createReply(status, [...jsonHeaders, ...validators(row), ...headers], todoJson(row))

const etagOf = (row: TodoRow): string => `"${row.revision}"`

const validators = (row: TodoRow): string[] => [
  ...['ETag', etagOf(row)],
  ...['Cache-Control', row.is_personal ? 'private, no-cache' : 'no-cache'],
]
