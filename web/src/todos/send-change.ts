// Sends one change, and says what became of it. What it does next is the outbox's.

import type { Answer, AnswerWith, Ask, Route } from '../api/call.ts'
import type { Accepted } from '../api/operations.ts'
import { ApiProblem, Unreachable } from '../api/problem.ts'
import { isConflict, needsMatch, type Change } from './change.ts'
import { teamIdOf, type Fields, type ListId, type Todo } from './todo.ts'

export type Outcome =
  | {
      readonly kind: 'applied'
      readonly todo: Todo | undefined
      readonly etag: string | undefined
    }
  /** Nobody answered, or it is to be asked again. */
  | {
      readonly kind: 'later'
      readonly afterMs: number | undefined
      readonly isReached: boolean
    }
  /** It will be applied. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'conflict'; readonly theirs: Todo | undefined; readonly etag: string }
  /** Somebody else has changed something else: it is written over what is there now. */
  | { readonly kind: 'again'; readonly etag: string }

export type Api = <R extends Route>(route: R, ask: Ask<R>) => Promise<Answer<R>>

/** Longer than a write takes on a bad day. Past it the same key is sent again. */
const wait = 'wait=20'

/** `onEtag`: to be kept before the write is sent, so that it is the same when it is sent again. */
export const sendChange = async (
  api: Api,
  change: Change,
  onEtag: (etag: string) => void,
): Promise<Outcome> => {
  try {
    return await send(api, change, onEtag)
  } catch (error) {
    if (error instanceof Unreachable) {
      return { kind: 'later', afterMs: undefined, isReached: false }
    }
    if (!(error instanceof ApiProblem)) throw error
    // Who is logged out logs in again: nothing is lost by that.
    if (error.isPassing || error.status === 401) {
      return { kind: 'later', afterMs: error.retryAfterMs, isReached: true }
    }
    if (error.status === 404 && change.what.kind === 'delete') {
      return { kind: 'applied', todo: undefined, etag: undefined }
    }
    if (error.status === 404 && change.what.kind === 'edit') {
      return { kind: 'conflict', theirs: undefined, etag: '*' }
    }
    return { kind: 'refused', why: error.message }
  }
}

const send = async (api: Api, change: Change, onEtag: (etag: string) => void): Promise<Outcome> => {
  const { what, list, key } = change
  const headers = { 'Idempotency-Key': key, Prefer: wait }
  if (what.kind === 'create') return outcomeOf(await create(api, list, what.fields, headers))
  const at = placeOf(list, change.todoId)
  let { etag } = what
  const write = () => {
    const match = etag !== undefined && { 'If-Match': etag }
    return what.kind === 'delete'
      ? remove(api, at, { ...headers, ...match })
      : patch(api, at, what.fields, { ...headers, ...match })
  }
  /** Undefined where nobody else has changed the same. */
  const match = async (): Promise<Outcome | undefined> => {
    const now = await read(api, at)
    if (isConflict(what, now.todo)) {
      return { kind: 'conflict', theirs: now.todo, etag: now.etag }
    }
    etag = now.etag
    onEtag(etag)
    return undefined
  }
  if (etag === undefined && needsMatch(what)) {
    const conflict = await match()
    if (conflict) return conflict
  }
  try {
    return outcomeOf(await write())
  } catch (error) {
    const status = error instanceof ApiProblem ? error.status : undefined
    if (status === 412) {
      const now = await read(api, at)
      return isConflict(what, now.todo)
        ? { kind: 'conflict', theirs: now.todo, etag: now.etag }
        : { kind: 'again', etag: now.etag }
    }
    // This server takes no write without (WRITE_IF_MATCH).
    if (status !== 428) throw error
    return (await match()) ?? outcomeOf(await write())
  }
}

const outcomeOf = ({ status, body, etag }: AnswerWith<Todo | Accepted>): Outcome => {
  // Acknowledged, and not applied yet: the same key is asked for its outcome.
  if (status === 202) return { kind: 'accepted' }
  const todo = body && 'title' in body ? body : undefined
  return { kind: 'applied', todo, etag }
}

type Place = {
  readonly id: string
  readonly teamId: string | undefined
  readonly isPublic: boolean
}
type Headers = Readonly<Record<string, string>>

const placeOf = (list: ListId, id: string): Place => ({
  id,
  teamId: teamIdOf(list),
  isPublic: list === 'public',
})

const create = (
  api: Api,
  list: ListId,
  body: Fields & { readonly title: string },
  headers: Headers,
) => {
  const teamId = teamIdOf(list)
  if (teamId !== undefined) {
    return api('POST /api/teams/{teamId}/todos', { path: { teamId }, body, headers })
  }
  return list === 'public'
    ? api('POST /todos', { body, headers })
    : api('POST /api/todos', { body, headers })
}

const patch = (api: Api, { id, teamId, isPublic }: Place, body: Fields, headers: Headers) => {
  if (teamId !== undefined) {
    return api('PATCH /api/teams/{teamId}/todos/{id}', { path: { teamId, id }, body, headers })
  }
  return isPublic
    ? api('PATCH /todos/{id}', { path: { id }, body, headers })
    : api('PATCH /api/todos/{id}', { path: { id }, body, headers })
}

const remove = async (api: Api, { id, teamId, isPublic }: Place, headers: Headers) => {
  const { status, etag } =
    teamId !== undefined
      ? await api('DELETE /api/teams/{teamId}/todos/{id}', { path: { teamId, id }, headers })
      : isPublic
        ? await api('DELETE /todos/{id}', { path: { id }, headers })
        : await api('DELETE /api/todos/{id}', { path: { id }, headers })
  return { status, etag, next: undefined, body: { id, message: '' } }
}

const read = async (api: Api, { id, teamId, isPublic }: Place) => {
  const { body, etag = '*' } =
    teamId !== undefined
      ? await api('GET /api/teams/{teamId}/todos/{id}', { path: { teamId, id } })
      : isPublic
        ? await api('GET /todos/{id}', { path: { id } })
        : await api('GET /api/todos/{id}', { path: { id } })
  return { todo: body as Todo, etag }
}
