// POST, PUT and DELETE: who asks, what they ask, publish, 202. Whether a todo exists and whose it is
// the worker finds out, in order: here the answer could be out of date before it is sent. Who wants
// to know asks for it with Prefer: wait.

import hyperid from 'hyperid'
import { parseChange, type Command } from '../../lib/command.ts'
import type { CommandPublisher } from '../../lib/command-log/command-log.ts'
import type { Verified } from '../../lib/jwt.ts'
import { parseDescription, parseTitle, parseTodoId } from '../../lib/todo.ts'
import type { CommandOutcome, TodoStore } from '../../lib/todo-store/todo-store.ts'
import type { AppliedCommands } from '../applied-commands.ts'
import { authenticate } from '../authenticate.ts'
import { createReply, type Reply } from '../engines/engine.ts'
import { readJsonObject } from '../json-body.ts'
import { checkField, Problem, unavailable } from '../problem.ts'
import type { Handler, NamedRequest } from '../router.ts'
import { jsonHeaders } from '../security-headers.ts'
import { fingerprintOf, idempotencyKeyOf, idFromKey, parseWaitSec } from '../write-headers.ts'
import { todoReply } from './read-todo.ts'

export type WriteParts = {
  readonly publisher: CommandPublisher
  readonly verifyToken: (token: string) => Verified
  readonly store: Pick<TodoStore, 'readTodo' | 'claimIdempotencyKey'>
  readonly applied: AppliedCommands
}

// Fixed length keeps one process's ids in the order they were made, which breaks ties in a list.
const newId = hyperid({ urlSafe: true, fixedLength: true })

export const createTodo =
  (parts: WriteParts): Handler =>
  async (request) => {
    const userId = authenticate(request, parts.verifyToken)
    const waitSec = parseWaitSec(request.header('prefer'))
    const key = idempotencyKeyOf(request)
    const body = await readJsonObject(request)
    const fields = checkField(() => ({
      title: parseTitle(body['title']),
      description: parseDescription(body['description'] ?? ''),
    }))
    const ids = key === undefined ? newIds() : await idsOf(parts.store, userId, key, fields)
    const { requestId } = request
    const envelope = { ...ids, userId, requestId, atMs: Date.now() }
    return publish(parts, { ...envelope, ...fields, kind: 'create' }, waitSec)
  }

export const updateTodo =
  (parts: WriteParts): Handler =>
  async (request, id) => {
    const { waitSec, ...envelope } = envelopeOf(parts, request, id)
    const body = await readJsonObject(request)
    const change = checkField(() => parseChange(body))
    return publish(parts, { ...envelope, kind: 'update', change }, waitSec)
  }

export const deleteTodo =
  (parts: WriteParts): Handler =>
  async (request, id) => {
    const { waitSec, ...envelope } = envelopeOf(parts, request, id)
    return publish(parts, { ...envelope, kind: 'delete' }, waitSec)
  }

const newIds = () => ({ commandId: newId(), todoId: newId() })

const envelopeOf = ({ verifyToken }: WriteParts, request: NamedRequest, id: string) => ({
  userId: authenticate(request, verifyToken),
  waitSec: parseWaitSec(request.header('prefer')),
  todoId: checkField(() => parseTodoId(id)),
  commandId: newId(),
  requestId: request.requestId,
  atMs: Date.now(),
})

/** One key, one command, one todo: the worker applies a command id once, however often it comes. */
const idsOf = async (
  store: WriteParts['store'],
  userId: string,
  key: string,
  { title, description }: { title: string; description: string },
) => {
  const claim = await store
    .claimIdempotencyKey(userId, key, fingerprintOf(title, description))
    .catch((error: unknown) => {
      const reason = (error as Error).message
      throw unavailable(`the Idempotency-Key can't be checked now: ${reason}`, 'not-attempted')
    })
  if (claim === 'other') {
    throw new Problem(422, 'this Idempotency-Key came with another body before', {
      field: 'Idempotency-Key',
    })
  }
  const id = idFromKey(userId, key)
  return { commandId: id, todoId: id }
}

const publish = async (parts: WriteParts, command: Command, waitSec: number): Promise<Reply> => {
  const outcome = await parts.publisher.publish(command)
  switch (outcome.kind) {
    case 'acknowledged': {
      if (waitSec === 0) return accepted(command)
      const effect = await parts.applied.wait(command.commandId, waitSec * 1000)
      return effect === undefined ? accepted(command) : answerTo(effect, command, parts.store)
    }
    case 'refused':
      throw unavailable(`the write was not taken: ${outcome.reason}`, 'not-attempted')
    case 'unknown':
      throw unavailable(`the write may or may not have been taken: ${outcome.reason}`, 'unknown')
  }
}

const accepted = ({ todoId, kind }: Command): Reply =>
  createReply(
    202,
    jsonHeaders,
    JSON.stringify({ id: todoId, message: `the todo will be ${kind}d` }),
  )

const waited = ['Preference-Applied', 'wait']

const answerTo = async (
  effect: CommandOutcome,
  command: Command,
  store: WriteParts['store'],
): Promise<Reply> => {
  switch (effect) {
    case 'not-found':
      throw new Problem(404, 'there is no such todo', { headers: waited })
    case 'forbidden':
      throw new Problem(403, "the todo is another user's", { headers: waited })
    case 'exists':
      throw new Problem(409, 'there is a todo with this id already', { headers: waited })
    case 'applied': {
      if (command.kind === 'delete') return { ...noContent, headers: waited }
      // Deleted again, or Postgres just went away: that it was applied is known all the same.
      const row = await store.readTodo(command.todoId).catch(() => undefined)
      if (!row) return accepted(command)
      return command.kind === 'create'
        ? todoReply(201, row, ['Location', `/todos/${row.id}`, ...waited])
        : todoReply(200, row, waited)
    }
  }
}

const noContent = { status: 204, body: Buffer.alloc(0), close: false }
