// POST, PUT and DELETE: who asks, what they ask, publish, 202. Whether a todo exists and whose it is
// the worker finds out, in order: here the answer could be out of date before it is sent.

import hyperid from 'hyperid'
import { parseChange, type Command } from '../../lib/command.ts'
import type { CommandPublisher } from '../../lib/command-log/command-log.ts'
import type { Verified } from '../../lib/jwt.ts'
import { InvalidField, parseDescription, parseTitle, parseTodoId } from '../../lib/todo.ts'
import { authenticate } from '../authenticate.ts'
import { createReply, type Reply } from '../engines/engine.ts'
import { readJsonObject } from '../json-body.ts'
import { Problem, unavailable } from '../problem.ts'
import type { Handler } from '../router.ts'

type Parts = {
  readonly publisher: CommandPublisher
  readonly verifyToken: (token: string) => Verified
}

// Fixed length keeps one process's ids in the order they were made, which breaks ties in a list.
const newId = hyperid({ urlSafe: true, fixedLength: true })

export const createTodo =
  ({ publisher, verifyToken }: Parts): Handler =>
  async (request) => {
    const userId = authenticate(request, verifyToken)
    const body = await readJsonObject(request)
    const command = checked(() => ({
      ...envelope(userId, newId()),
      kind: 'create' as const,
      title: parseTitle(body['title']),
      description: parseDescription(body['description'] ?? ''),
    }))
    return publish(publisher, command, 'the todo will be created')
  }

export const updateTodo =
  ({ publisher, verifyToken }: Parts): Handler =>
  async (request, id) => {
    const userId = authenticate(request, verifyToken)
    const body = await readJsonObject(request)
    const command = checked(() => ({
      ...envelope(userId, parseTodoId(id)),
      kind: 'update' as const,
      change: parseChange(body),
    }))
    return publish(publisher, command, 'the todo will be updated')
  }

export const deleteTodo =
  ({ publisher, verifyToken }: Parts): Handler =>
  async (request, id) => {
    const userId = authenticate(request, verifyToken)
    const command = checked(() => ({
      ...envelope(userId, parseTodoId(id)),
      kind: 'delete' as const,
    }))
    return publish(publisher, command, 'the todo will be deleted')
  }

const envelope = (userId: string, todoId: string) => ({
  commandId: newId(),
  todoId,
  userId,
  atMs: Date.now(),
})

const checked = <T>(parse: () => T): T => {
  try {
    return parse()
  } catch (error) {
    if (error instanceof InvalidField) throw new Problem(400, error.message, { field: error.field })
    throw error
  }
}

const publish = async (
  publisher: CommandPublisher,
  command: Command,
  message: string,
): Promise<Reply> => {
  const outcome = await publisher.publish(command)
  switch (outcome.kind) {
    case 'acknowledged':
      return createReply(
        202,
        ['Content-Type', 'application/json'],
        JSON.stringify({ id: command.todoId, message }),
      )
    case 'refused':
      throw unavailable(`the write was not taken: ${outcome.reason}`, 'not-attempted')
    case 'unknown':
      throw unavailable(`the write may or may not have been taken: ${outcome.reason}`, 'unknown')
  }
}
