// An API over a network that loses requests and answers, with others who write to the same todos. It keeps account
// of what was applied, so that a test can say whether it should have been. For tests.

import { ApiProblem, Unreachable } from '../api/problem.ts'
import { idStartLength } from './id-start.ts'
import type { Api } from './send-change.ts'
import type { Todo } from './todo.ts'

type Ask = {
  readonly path?: { readonly id: string }
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Partial<Todo>
}
type Answer = { readonly status: number; readonly body: unknown; readonly etag: string | undefined }
type Stored = { readonly todo: Todo; readonly revision: number }
type Random = { below(max: number): number }

/** A write that was applied: what was there before, and what is there now. */
export type Applied = {
  readonly method: string
  readonly before: Todo | undefined
  readonly after: Todo | undefined
}

const longestMs = 400

/** A test needs no hash. */
export const idStartOf = (key: string): string =>
  key.padEnd(idStartLength, '.').slice(-idStartLength)

export const createUnreliableApi = (random: Random) => {
  const stored = new Map<string, Stored>()
  const answered = new Map<string, Answer | ApiProblem>()
  const applied: Applied[] = []
  let isSteady = false
  let ids = 0

  const pass = () =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, isSteady ? 1 : random.below(longestMs))
    })
  const at = () => new Date().toISOString()
  const set = (todo: Todo, revision: number): Answer => {
    stored.set(todo.id, { todo, revision })
    return { status: 200, body: todo, etag: `"${revision}"` }
  }

  const write = (method: string, { path, headers = {}, body = {} }: Ask): Answer => {
    if (body.title === '') throw problem(400)
    if (method === 'POST') {
      const todo: Todo = {
        description: '',
        completed: false,
        ...body,
        title: body.title ?? '',
        id: `${idStartOf(headers['Idempotency-Key'] ?? '')}-${++ids}`,
        user_id: 'ann',
        created_at: at(),
        updated_at: at(),
      }
      applied.push({ method, before: undefined, after: todo })
      return set(todo, 1)
    }
    const known = stored.get(path?.id ?? '')
    if (!known) throw problem(404)
    const match = headers['If-Match'] ?? '*'
    if (match !== '*' && match !== `"${known.revision}"`) throw problem(412)
    const after = method === 'DELETE' ? undefined : { ...known.todo, ...body, updated_at: at() }
    applied.push({ method, before: known.todo, after })
    if (after) return set(after, known.revision + 1)
    stored.delete(known.todo.id)
    return { status: 200, body: {}, etag: undefined }
  }

  /** One key is one write, however often it is sent. */
  const writeOnce = (method: string, ask: Ask): Answer => {
    const key = ask.headers?.['Idempotency-Key'] ?? ''
    const before = answered.get(key)
    if (before instanceof ApiProblem) throw before
    if (before) return before
    try {
      const answer = write(method, ask)
      answered.set(key, answer)
      return answer
    } catch (error) {
      if (error instanceof ApiProblem) answered.set(key, error)
      throw error
    }
  }

  const handle = async (route: string, ask: Ask): Promise<Answer> => {
    const [method = ''] = route.split(' ')
    await pass()
    const fault = isSteady ? 'none' : faults[random.below(faults.length)]
    if (fault === 'lost') throw new Unreachable('lost')
    if (fault === 'busy') throw problem(503, { 'retry-after': '2' })
    if (method === 'GET') {
      const known = stored.get(ask.path?.id ?? '')
      await pass()
      if (!known) throw problem(404)
      return { status: 200, body: known.todo, etag: `"${known.revision}"` }
    }
    const answer = writeOnce(method, ask)
    await pass()
    if (fault === 'answer lost') throw new Unreachable('answer lost')
    if (fault === 'late') return { status: 202, body: {}, etag: undefined }
    return answer
  }

  return {
    api: (async (route: string, ask: Ask) => ({
      ...(await handle(route, ask)),
      next: undefined,
    })) as unknown as Api,
    applied,
    todos: (): readonly Todo[] => [...stored.values()].map(({ todo }) => todo).toReversed(),
    /** Somebody else, who writes over whatever is there. */
    others(id: string, fields: Partial<Todo> | 'delete') {
      const known = stored.get(id)
      if (!known) return
      if (fields === 'delete') stored.delete(id)
      else set({ ...known.todo, ...fields, updated_at: at() }, known.revision + 1)
    },
    /** From now on nothing is lost. */
    becomeSteady: () => (isSteady = true),
  }
}

const faults = ['none', 'none', 'none', 'lost', 'answer lost', 'busy', 'late'] as const

const problem = (status: number, headers = {}) =>
  new ApiProblem(status, { detail: `problem ${status}` }, new Headers(headers))
