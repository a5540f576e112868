// One list on the page: read a page at a time, kept fresh by its channel, shown with the user's changes on top.

import type { ServerMessage } from '../live/messages.ts'
import { ApiProblem } from '../api/problem.ts'
import type { Live } from '../live/live.svelte.ts'
import { keepList, keptList } from './kept-lists.ts'
import type { Applied, Outbox } from './outbox.svelte.ts'
import { afterEvent, rowsOfPage, withAnswer, withoutTodo, withPage, type Row } from './rows.ts'
import type { Api } from './send-change.ts'
import { shownRows } from './shown.ts'
import { channelOf, listVersionOf, revisionOf, teamIdOf, type ListId, type Todo } from './todo.ts'

const pageSize = 100
/** Pages that are read again after a gap: what is behind them is read when somebody goes there. */
const pagesAgainMax = 5
/** A list that others add to all day long is read anew, as far as its first pages. */
const rowsMax = 20_000
const goneMax = 10_000
/** How often what is seen is kept, for when there is no network. */
const keepEveryMs = 1_000
/** A list that is older than the channel said is read again. */
const readAgainMs = 300

export type ListParts = {
  readonly id: ListId
  readonly user: string
  readonly api: Api
  readonly live: Live
  readonly outbox: Outbox | undefined
  /** Everything of the channel, for who shows more of it than todos. */
  readonly onMessage?: (message: ServerMessage) => void
}

export type TodoList = ReturnType<typeof createList>

export const createList = ({ id, user, api, live, outbox, onMessage }: ListParts) => {
  const kept = keptList(localStorage, user, id)
  let rows = $state.raw<readonly Row[]>(rowsOfPage(kept?.todos ?? []))
  /** Since when what is shown was not read; undefined: it is current. */
  let keptAtMs = $state(kept?.readAtMs)
  let next = $state<string>()
  let isRead = $state(false)
  let isReading = $state(false)
  let problem = $state<string>()
  let isEnded = $state(false)
  let isClosed = false
  /** Deleted since the list was opened. */
  const gone = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let keeper: ReturnType<typeof setTimeout> | undefined

  const read = async (after?: string) => {
    const query = { limit: pageSize, ...(after !== undefined && { after }) }
    const teamId = teamIdOf(id)
    if (teamId !== undefined) {
      return pageOf(await api('GET /api/teams/{teamId}/todos', { path: { teamId }, query }))
    }
    return id === 'public'
      ? pageOf(await api('GET /todos', { query }))
      : pageOf(await api('GET /api/todos', { query }))
  }

  /** What has changed since: else it says that it is as new as that. */
  const keep = () => {
    if (keeper === undefined) return
    clearTimeout(keeper)
    keeper = undefined
    const todos = rows.map(({ todo }) => todo)
    if (isRead) keepList(localStorage, user, id, todos)
  }
  const isGone = (todoId: string) => {
    gone.add(todoId)
    for (const oldest of gone) if (gone.size > goneMax) gone.delete(oldest)
  }
  const show = (next: readonly Row[]) => {
    rows = next
    keeper ??= setTimeout(keep, keepEveryMs)
  }

  /** Anew, as far as it was read; again while it is older than `version`. */
  const readAnew = async (version = 0) => {
    isReading = true
    const sinceMs = Date.now()
    try {
      const first = await read()
      let todos = first.todos
      let cursor = first.next
      const known = Math.min(rows.length, pagesAgainMax * pageSize)
      while (isRead && cursor !== undefined && todos.length < known) {
        const page = await read(cursor)
        todos = [...todos, ...page.todos]
        cursor = page.next
      }
      if (isClosed) return
      next = cursor
      const hasMore = next !== undefined
      show(withPage(rows, { todos, where: 'anew', sinceMs, hasMore, gone }))
      isRead = true
      keptAtMs = problem = undefined
      if (first.version !== undefined && first.version < version) readLater(version)
    } catch (error) {
      failed(error, version)
    } finally {
      isReading = false
    }
  }
  const readLater = (version: number, afterMs = readAgainMs) => {
    clearTimeout(timer)
    if (!isClosed) timer = setTimeout(() => void readAnew(version), afterMs)
  }
  const failed = (error: unknown, version: number) => {
    if (!(error instanceof ApiProblem) || error.isPassing) {
      return readLater(version, (error as Partial<ApiProblem>).retryAfterMs ?? 3_000)
    }
    problem = error.message
    if (error.status === 404 || error.status === 403) isEnded = true
  }

  const unwatch = live.watch({
    channel: channelOf(id),
    isPrivate: id !== 'public',
    hasPresence: teamIdOf(id) !== undefined,
    onMessage(message) {
      if ('version' in message && message.version !== undefined) void readAnew(message.version)
      if (message.type === 'event' && message.data.kind !== 'membership') {
        if (message.data.kind === 'deleted') isGone(message.data.id)
        show(afterEvent(rows, message.data, Date.now(), next !== undefined))
        if (rows.length > rowsMax && !isReading) void readAnew()
      }
      const isOver =
        (message.type === 'unsubscribed' && message.reason === 'access-ended') ||
        (message.type === 'problem' && [403, 404].includes(message.problem.status))
      if (isOver) isEnded = true
      onMessage?.(message)
    },
  })
  void readAnew()
  addEventListener('pagehide', keep)

  const shown = $derived(shownRows(rows, outbox?.changes ?? [], id, user))
  return {
    id,
    get rows() {
      return shown
    },
    get isRead() {
      return isRead
    },
    get isReading() {
      return isReading
    },
    get keptAtMs() {
      return keptAtMs
    },
    get hasMore() {
      return next !== undefined
    },
    get problem() {
      return problem
    },
    /** It is gone, or may be seen no more. */
    get isEnded() {
      return isEnded
    },
    async more() {
      if (next === undefined || isReading) return
      isReading = true
      const sinceMs = Date.now()
      try {
        const { todos, next: cursor } = await read(next)
        next = cursor
        const hasMore = next !== undefined
        rows = withPage(rows, { todos, where: 'behind', sinceMs, hasMore, gone })
      } catch {
        // Whoever is still there when the network is back asks again.
      } finally {
        isReading = false
      }
    },
    applied({ change, todo, etag }: Applied) {
      if (change.what.kind === 'delete') {
        isGone(change.todoId)
        show(withoutTodo(rows, change.todoId))
      } else if (todo && !gone.has(todo.id)) {
        const touched = { by: user, atMs: Date.now() }
        const row = { todo, revision: revisionOf(etag), touched }
        show(withAnswer(rows, row, change.todoId))
      }
    },
    close() {
      isClosed = true
      clearTimeout(timer)
      removeEventListener('pagehide', keep)
      keep()
      unwatch()
    },
  }
}

const pageOf = (answer: {
  readonly body: readonly Todo[] | { readonly todos: readonly Todo[] }
  readonly etag: string | undefined
  readonly next: string | undefined
}) => {
  const { body, etag, next } = answer
  const todos: readonly Todo[] = 'todos' in body ? body.todos : body
  return { todos, version: listVersionOf(etag), next }
}
