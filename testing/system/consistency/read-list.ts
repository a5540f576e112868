// Reads a whole list as the API shows it, as a client does that was told how new it must be.

import { Agent } from 'node:http'
import { exchange, versionOf, type tokens } from './clients.ts'
import type { LiveHistory, Place, Shown } from './evidence.ts'

export type ApiTodo = {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly completed: boolean
  readonly user_id: string
  readonly created_at: string
  readonly updated_at: string
}

/** Of a personal list, which is read a page at a time. */
const pageSize = 100

/** Undefined when it is older than `version`; rejects when a request fails. */
export const readList = async (
  port: number,
  channel: LiveHistory['channel'],
  userId: keyof typeof tokens,
  version: number,
): Promise<ReadonlyMap<string, Shown> | undefined> => {
  const agent = new Agent({ keepAlive: true })
  const read = async (path: string) => {
    const answer = await exchange(agent, port, 'GET', path, '', userId)
    if (answer.status !== 200) throw new Error(`a list was answered with ${answer.status}`)
    return answer
  }
  try {
    const first = await read(channel === 'todos' ? '/todos' : `/api/todos?limit=${pageSize}`)
    if (versionOf(first) < version) return undefined
    if (channel === 'todos') return byId(JSON.parse(first.text) as ApiTodo[])
    const todos: ApiTodo[] = []
    for (let page = first; ;) {
      todos.push(...(JSON.parse(page.text) as { todos: ApiTodo[] }).todos)
      const next = /<([^>]+)>; rel="?next/.exec(page.link)?.[1]
      if (next === undefined) return byId(todos)
      // What follows is read from the database.
      page = await read(next)
    }
  } finally {
    agent.destroy()
  }
}

const byId = (todos: readonly ApiTodo[]): ReadonlyMap<string, Shown> =>
  new Map(todos.map((todo) => [todo.id, shownOf(todo)]))

export const shownOf = (todo: ApiTodo): Shown => {
  const { title, description, completed, user_id: userId } = todo
  const createdMs = Date.parse(todo.created_at)
  const updatedMs = Date.parse(todo.updated_at)
  return { title, description, completed, userId, createdMs, updatedMs }
}

export const placeOf = (position: string): Place => {
  const [epoch = '', number] = position.split('.')
  return { epoch, number: Number(number) }
}
