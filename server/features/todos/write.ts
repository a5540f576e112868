// How every write goes: a command to the log, and the answer. Whether a todo exists and whose it is
// the worker finds out, in order: here the answer could be out of date before it is sent. So a 202
// says no more than that the log has the command; who waits gets its outcome.

import hyperid from 'hyperid'
import type { Command, CommandOutcome, TodoChange } from '../../../lib/domain/command.ts'
import type { LogPosition } from '../../../lib/domain/must-see.ts'
import { idOfHash } from '../../../lib/domain/todo-id.ts'
import type { KeyClaim } from '../../../lib/todo-store/todo-store.ts'
import { withoutBody } from '../../http/contract/answer.ts'
import type { Principal } from '../../http/contract/endpoint.ts'
import type { Reply, Request } from '../../http/engines/engine.ts'
import { Problem } from '../../http/problem.ts'
import { fingerprintOf, idFromKey, type Preferences } from '../../http/write-headers.ts'
import { todoReply } from './answer-with-todo.ts'
import { conditionOf, etagOf, type IfMatch } from './if-match.ts'
import { listVersionOf } from './list-version.ts'
import { waitSecOf, type Collection, type TodoParts } from './parts.ts'
import {
  changedMeanwhile,
  idInUse,
  keyUnchecked,
  keyUsed,
  notAMember,
  notInTeam,
  nothingWritten,
  refused,
  unacknowledged,
  writeTooLarge,
} from './problems.ts'
import { accepted } from './vocabulary.ts'
import { writePositionOf } from './write-position.ts'

/** A request to write, as handlers are given it. */
type WriteRequest = {
  readonly principal: Principal
  readonly requestId: string
  readonly request: Pick<Request, 'progress'>
  readonly headers: { readonly prefer: Preferences }
}
type CreateRequest = WriteRequest & {
  readonly headers: { readonly idempotencyKey: string | undefined }
  readonly body: {
    readonly title: string
    readonly description: string
    readonly assignee_id?: string | null
  }
}
type ChangeRequest = WriteRequest & {
  readonly params: { readonly id: string }
  readonly headers: {
    readonly ifMatch: IfMatch | undefined
    readonly idempotencyKey: string | undefined
  }
}

// Fixed length keeps one process's ids in the order they were made, which breaks ties in a list.
const newId = hyperid({ urlSafe: true, fixedLength: true })

// Creations, which are most, are written out: spreads are a part of what a write costs the server.

export const createWriter = (parts: TodoParts, collection: Collection) => ({
  create(input: CreateRequest): Promise<Reply> {
    const { idempotencyKey } = input.headers
    if (idempotencyKey === undefined) {
      const todoId = parts.publisher.newTodoId(ownerOf(collection, input.principal.userId))
      const command = createCommand(input, newId(), todoId)
      return publish(parts, collection, command, input)
    }
    return createOnce(parts, collection, input, idempotencyKey)
  },
  update: (input: ChangeRequest, change: TodoChange) =>
    changeTodo(parts, collection, input, { kind: 'update', change }),
  toggle: (input: ChangeRequest) => changeTodo(parts, collection, input, { kind: 'toggle' }),
  remove: (input: ChangeRequest) => changeTodo(parts, collection, input, { kind: 'delete' }),
})

/** Of a todo that not everybody sees: all of one owner's are in one bucket. */
const ownerOf = ({ isPersonal, teamId }: Collection, userId: string): string | undefined =>
  teamId ?? (isPersonal ? userId : undefined)

const createCommand = (
  { principal, requestId, body }: CreateRequest,
  commandId: string,
  todoId: string,
): Command => {
  const command: Command = {
    userId: principal.userId,
    requestId,
    atMs: Date.now(),
    commandId,
    todoId,
    title: body.title,
    description: body.description,
    kind: 'create',
  }
  const { assignee_id } = body
  return typeof assignee_id === 'string' ? { ...command, assigneeId: assignee_id } : command
}

type Wanted =
  | { readonly kind: 'update'; readonly change: TodoChange }
  | { readonly kind: 'toggle' }
  | { readonly kind: 'delete' }

const changeTodo = async (
  parts: TodoParts,
  collection: Collection,
  input: ChangeRequest,
  wanted: Wanted,
): Promise<Reply> => {
  const { principal, requestId, headers, params } = input
  const condition = conditionOf(headers, collection, parts.requiresIfMatch)
  const action = wanted.kind === 'delete' ? 'delete-todo' : 'update-todo'
  const { userId } = principal
  // Before the key: whoever may not do this has it for something else.
  const isShared = await collection.permit(userId, params.id, action)
  const { idempotencyKey: key } = headers
  if (key !== undefined) {
    const place = `${collection.path}/${params.id}`
    await claimKey(parts, userId, key, [place, JSON.stringify(wanted), JSON.stringify(condition)])
  }
  const command: Command = {
    userId,
    requestId,
    atMs: Date.now(),
    commandId: key === undefined ? newId() : idFromKey(userId, key),
    todoId: params.id,
    ...wanted,
    ...condition,
    ...(isShared && { isShared }),
  }
  return publish(parts, collection, command, input, key !== undefined)
}

/** One key, one command, one todo: the worker applies a command id once, however often it comes. */
const createOnce = async (
  parts: TodoParts,
  collection: Collection,
  input: CreateRequest,
  key: string,
): Promise<Reply> => {
  const { userId } = input.principal
  const { title, description, assignee_id } = input.body
  const { isPersonal, teamId, path } = collection
  const place = isPersonal || teamId !== undefined ? [path] : []
  const assigned = typeof assignee_id === 'string' ? [assignee_id] : []
  const claim = await claimKey(parts, userId, key, [...place, title, description, ...assigned])
  const id = idFromKey(userId, key)
  const hasBucket = parts.hasKeyedBuckets && claim !== 'ours-without-bucket'
  const todoId = hasBucket ? idOfHash(id, ownerOf(collection, userId)) : id
  return publish(parts, collection, createCommand(input, id, todoId), input, true)
}

/** A key stands for one request: that with these values. */
const claimKey = async (
  { store }: TodoParts,
  userId: string,
  key: string,
  values: readonly string[],
): Promise<KeyClaim> => {
  const claim = await store
    .claimIdempotencyKey(userId, key, fingerprintOf(...values))
    .catch((cause: unknown) => {
      throw new Problem(keyUnchecked, { cause })
    })
  if (claim === 'other') throw new Problem(keyUsed)
  return claim
}

const publish = async (
  { publisher, applied }: TodoParts,
  collection: Collection,
  made: Command,
  { headers: { prefer }, request }: WriteRequest,
  isKeyed = false,
): Promise<Reply> => {
  const sec = waitSecOf(prefer, collection)
  const command = marked(made, collection, isKeyed || sec > 0)
  const outcome = await publisher.publish(command)
  switch (outcome.kind) {
    case 'acknowledged': {
      if (sec === 0) {
        const wouldWait = prefer.respondAsync && collection.waitSec > 0
        return acceptedReply(command, collection, outcome.receipt, wouldWait ? notWaited : [])
      }
      request.progress?.('acknowledged')
      const effect = await applied.wait(command.commandId, sec * 1000)
      if (effect === 'applied') request.progress?.('applied')
      return effect === undefined
        ? acceptedReply(command, collection, outcome.receipt)
        : answerTo(effect, command, collection, prefer.waitSec === undefined ? [] : waited)
    }
    case 'refused':
      // To try again would not help, a shorter text would.
      throw new Problem(outcome.cause === 'too-large' ? writeTooLarge : refused[outcome.cause], {
        cause: outcome.reason,
      })
    case 'unknown':
      throw new Problem(unacknowledged, { cause: outcome.reason })
  }
}

/** Its todos are in somebody's list, or a team's. */
const hasOwner = ({ isPersonal, teamId }: Collection) => isPersonal || teamId !== undefined

/** Most are neither. An outcome is kept where one will ask for it, or may send the command again. */
const marked = (made: Command, collection: Collection, keepsOutcome: boolean): Command => {
  const { isPersonal, teamId } = collection
  return hasOwner(collection) || keepsOutcome
    ? {
        ...made,
        ...(isPersonal && { isPersonal: true }),
        ...(teamId !== undefined && { teamId }),
        ...(keepsOutcome && { keepsOutcome: true }),
      }
    : made
}

const waited = ['Preference-Applied', 'wait']
const notWaited = ['Preference-Applied', 'respond-async']

const acceptedReply = (
  command: Command,
  collection: Collection,
  position?: LogPosition,
  headers: readonly string[] = [],
): Reply => {
  const { todoId, kind } = command
  const isConditional = kind !== 'create' && command.ifRevision !== undefined
  const message = `the todo will be ${kind}d${isConditional ? ' if If-Match holds then' : ''}`
  return accepted.reply({ id: todoId, message }, [
    ...locationOf(collection, todoId),
    ...(hasOwner(collection) ? writePositionOf(position) : []),
    ...headers,
  ])
}

/** Where the todo is, or will be. */
const locationOf = ({ path }: Collection, id: string) => ['Location', `${path}/${id}`]

const answerTo = async (
  effect: CommandOutcome,
  command: Command,
  collection: Collection,
  headers: readonly string[],
): Promise<Reply> => {
  switch (effect) {
    case 'not-found':
      throw new Problem(command.kind === 'create' ? notInTeam : nothingWritten, { headers })
    case 'forbidden':
      throw new Problem(collection.forbidden, { headers })
    case 'assignee-not-a-member':
      throw new Problem(notAMember, { headers })
    case 'exists':
      throw new Problem(idInUse, { headers })
    case 'precondition-failed': {
      const row = await collection.read(command.userId, command.todoId).catch(() => undefined)
      const current = row ? ['ETag', etagOf(row)] : []
      throw new Problem(changedMeanwhile, { headers: [...current, ...headers] })
    }
    case 'applied': {
      // Deleted again, or Postgres just went down: that it was applied is known all the same.
      const row =
        command.kind === 'delete'
          ? undefined
          : await collection.read(command.userId, command.todoId).catch(() => undefined)
      const ownerId = row?.user_id ?? command.userId
      const version = await collection.onChanged(ownerId)
      // Of another's list it says nothing to who edits a todo in it.
      const isTold = collection.teamId !== undefined || ownerId === command.userId
      const more = isTold ? [...headers, ...listVersionOf(version)] : headers
      if (command.kind === 'delete') return withoutBody(204, more)
      if (!row) return acceptedReply(command, collection)
      return command.kind === 'create'
        ? todoReply(201, row, [...locationOf(collection, row.id), ...more])
        : todoReply(200, row, more)
    }
  }
}
