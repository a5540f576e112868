// POST, PUT, PATCH and DELETE: who asks, what they ask, publish, answer. Whether a todo exists and
// whose it is the worker finds out, in order: here the answer could be out of date before it is sent.
// So a 202 says no more than that the log has the command; who waits is told what came of it.

import hyperid from 'hyperid'
import { parseChange, type Command, type TodoChange } from '../../../lib/domain/command.ts'
import type { CommandPublisher } from '../../../lib/command-log/command-log.ts'
import type { RefusalCause } from '../../../lib/runtime/micro-batch.ts'
import {
  parseCompleted,
  parseDescription,
  parseTitle,
  parseTodoId,
} from '../../../lib/domain/todo.ts'
import type { CommandOutcome } from '../../../lib/domain/command.ts'
import type { TodoRow } from '../../../lib/domain/todo.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import type { AppliedCommands } from './applied-commands.ts'
import { authenticate, type VerifyToken } from '../../identity/authenticate.ts'
import { createReply, type Reply } from '../../http/engines/engine.ts'
import { readJsonObject } from '../../http/json-body.ts'
import { checkField, Problem, unavailable } from '../../http/problem.ts'
import type { Handler, NamedRequest } from '../../http/router.ts'
import { jsonHeaders } from '../../http/security-headers.ts'
import {
  fingerprintOf,
  idempotencyKeyOf,
  idFromKey,
  parsePrefer,
  type Preferences,
} from '../../http/write-headers.ts'
import { todoReply } from './read-todo.ts'

export type WriteParts = {
  readonly publisher: CommandPublisher
  readonly verifyToken: VerifyToken
  readonly store: Pick<TodoStore, 'claimIdempotencyKey'>
  readonly applied: AppliedCommands
}

/** Todos of one kind: where they are, and what is special about them. */
export type Collection = {
  readonly path: '/todos' | '/api/todos'
  readonly isPersonal?: true
  /** For so long a write waits for its effect, unless `Prefer` says otherwise. */
  readonly waitSec: number
  readonly read: (userId: string, id: string) => Promise<TodoRow | undefined>
  /** Done before a write that took effect is answered. Never rejects. */
  readonly onChanged: (userId: string) => Promise<void>
}

// Fixed length keeps one process's ids in the order they were made, which breaks ties in a list.
const newId = hyperid({ urlSafe: true, fixedLength: true })

export const createTodo =
  (parts: WriteParts, collection: Collection): Handler =>
  async (request) => {
    const envelope = envelopeOf(parts, collection, request)
    const preferences = parsePrefer(request.header('prefer'))
    const key = idempotencyKeyOf(request)
    const body = await readJsonObject(request)
    const fields = checkField(() => ({
      title: parseTitle(body['title']),
      description: parseDescription(body['description'] ?? ''),
    }))
    const ids =
      key === undefined
        ? { commandId: newId(), todoId: newId() }
        : await idsOf(parts.store, envelope.userId, key, [
            ...(collection.isPersonal ? [collection.path] : []),
            ...[fields.title, fields.description],
          ])
    const command = { ...envelope, ...ids, ...fields, kind: 'create' } as const
    return publish(parts, collection, command, preferences)
  }

export const updateTodo = (parts: WriteParts, collection: Collection): Handler =>
  writeToOne(parts, collection, async (request) => {
    const body = await readJsonObject(request)
    return { kind: 'update', change: checkField(() => parseChange(body)) }
  })

/** `completed`, and nothing else. */
export const updateStatus = (parts: WriteParts, collection: Collection): Handler =>
  writeToOne(parts, collection, async (request) => {
    const { completed } = await readJsonObject(request)
    if (completed === undefined)
      throw new Problem(400, 'completed is required', { field: 'completed' })
    return { kind: 'update', change: { completed: checkField(() => parseCompleted(completed)) } }
  })

export const deleteTodo = (parts: WriteParts, collection: Collection): Handler =>
  writeToOne(parts, collection, () => Promise.resolve({ kind: 'delete' }))

type Asked = { readonly kind: 'update'; readonly change: TodoChange } | { readonly kind: 'delete' }

const writeToOne =
  (
    parts: WriteParts,
    collection: Collection,
    parse: (request: NamedRequest) => Promise<Asked>,
  ): Handler =>
  async (request, id) => {
    const envelope = envelopeOf(parts, collection, request)
    const preferences = parsePrefer(request.header('prefer'))
    const todoId = checkField(() => parseTodoId(id))
    const ids = { commandId: newId(), todoId }
    return publish(
      parts,
      collection,
      { ...envelope, ...ids, ...(await parse(request)) },
      preferences,
    )
  }

const envelopeOf = (
  { verifyToken }: WriteParts,
  { isPersonal }: Collection,
  request: NamedRequest,
) => ({
  userId: authenticate(request, verifyToken),
  requestId: request.requestId,
  atMs: Date.now(),
  ...(isPersonal && { isPersonal }),
})

/** One key, one command, one todo: the worker applies a command id once, however often it comes. */
const idsOf = async (
  store: WriteParts['store'],
  userId: string,
  key: string,
  asked: readonly string[],
) => {
  const claim = await store
    .claimIdempotencyKey(userId, key, fingerprintOf(...asked))
    .catch((cause: unknown) => {
      const publish = 'not-attempted'
      throw unavailable("the Idempotency-Key can't be checked now", { publish, cause })
    })
  if (claim === 'other') {
    throw new Problem(422, 'this Idempotency-Key came with another request before', {
      field: 'Idempotency-Key',
    })
  }
  const id = idFromKey(userId, key)
  return { commandId: id, todoId: id }
}

const publish = async (
  parts: WriteParts,
  collection: Collection,
  command: Command,
  { waitSec, respondAsync }: Preferences,
): Promise<Reply> => {
  const outcome = await parts.publisher.publish(command)
  switch (outcome.kind) {
    case 'acknowledged': {
      const sec = waitSec ?? (respondAsync ? 0 : collection.waitSec)
      if (sec === 0) return accepted(command, respondAsync && collection.waitSec > 0)
      const effect = await parts.applied.wait(command.commandId, sec * 1000)
      return effect === undefined
        ? accepted(command)
        : answerTo(effect, command, collection, waitSec === undefined ? [] : waited)
    }
    case 'refused':
      // To try again would not help, a shorter text would.
      if (outcome.cause === 'too-large') {
        throw new Problem(413, 'the write was not taken: it is larger than the command log takes', {
          members: { publish: 'not-attempted' },
          cause: outcome.reason,
        })
      }
      throw unavailable(`the write was not taken: ${refusals[outcome.cause]}`, {
        ...{ publish: 'not-attempted', cause: outcome.reason },
      })
    case 'unknown':
      throw unavailable('the write may or may not have been taken: no acknowledgement came', {
        ...{ publish: 'unknown', cause: outcome.reason },
      })
  }
}

const refusals: Readonly<Record<Exclude<RefusalCause, 'too-large'>, string>> = {
  'queue-full': 'too many writes are waiting',
  'waited-too-long': 'it waited too long to be sent',
  'log-silent': 'the command log does not acknowledge',
  'log-away': 'the command log is away',
  'log-closed': 'the command log takes no writes now',
}

const waited = ['Preference-Applied', 'wait']
const notWaited = ['Preference-Applied', 'respond-async']

/** `asAsked`: it would have been waited for. */
const accepted = ({ todoId, kind }: Command, asAsked = false): Reply =>
  createReply(
    202,
    asAsked ? [...jsonHeaders, ...notWaited] : jsonHeaders,
    JSON.stringify({ id: todoId, message: `the todo will be ${kind}d` }),
  )

const answerTo = async (
  effect: CommandOutcome,
  command: Command,
  collection: Collection,
  headers: readonly string[],
): Promise<Reply> => {
  switch (effect) {
    case 'not-found':
      throw new Problem(404, 'there is no such todo', { headers })
    case 'forbidden':
      throw new Problem(403, "the todo is another user's", { headers })
    case 'exists':
      throw new Problem(409, 'there is a todo with this id already', { headers })
    case 'applied': {
      await collection.onChanged(command.userId)
      if (command.kind === 'delete') return { ...noContent, headers }
      // Deleted again, or Postgres just went away: that it was applied is known all the same.
      const row = await collection.read(command.userId, command.todoId).catch(() => undefined)
      if (!row) return accepted(command)
      return command.kind === 'create'
        ? todoReply(201, row, ['Location', `${collection.path}/${row.id}`, ...headers])
        : todoReply(200, row, headers)
    }
  }
}

const noContent = { status: 204, body: Buffer.alloc(0), close: false }
