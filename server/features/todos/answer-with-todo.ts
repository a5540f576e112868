// One todo as an answer, with the validators that let a client ask for it again cheaply.

import { rowJson, type TodoRow } from '../../../lib/domain/todo.ts'
import { unlessHeld } from '../../http/contract/answer.ts'
import { createReply, type Reply } from '../../http/engines/engine.ts'
import { orProblem, Problem } from '../../http/problem.ts'
import { jsonHeaders } from '../../http/security-headers.ts'
import { etagOf } from './if-match.ts'
import { noSuchTodo, todoUnreadable } from './problems.ts'

const missing = new Problem(noSuchTodo)
export const unreadable = orProblem(todoUnreadable)

export const answerWithTodo = async (
  ifNoneMatch: string | undefined,
  read: () => Promise<TodoRow | undefined>,
): Promise<Reply> => {
  return answerTodo(ifNoneMatch, await read().catch(unreadable))
}

/** `more`: headers besides those that every todo has. */
export const answerTodo = (
  ifNoneMatch: string | undefined,
  row: TodoRow | undefined,
  more: readonly string[] = [],
): Reply => {
  if (!row) throw missing
  const held = [...validators(row), ...more]
  return unlessHeld(ifNoneMatch, etagOf(row), held, () => todoReply(200, row, more))
}

/** `headers` come on top of those that every todo has. */
export const todoReply = (
  status: 200 | 201,
  row: TodoRow,
  headers: readonly string[] = [],
): Reply => createReply(status, [...jsonHeaders, ...validators(row), ...headers], rowJson(row))

const validators = (row: TodoRow): string[] => [
  'ETag',
  etagOf(row),
  'Cache-Control',
  row.is_personal ? 'private, no-cache' : 'no-cache',
]
