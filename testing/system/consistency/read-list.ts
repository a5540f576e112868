// Reads a whole list as the API shows it, as a client does that was told to read it anew.

import { Agent } from 'node:http'
import { exchange, type tokens } from './clients.ts'
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

/** Rejects when a request fails. */
export const readList = async (
  port: number,
  channel: LiveHistory['channel'],
  userId: keyof typeof tokens,
): Promise<ReadonlyMap<string, Shown>> => {
  const agent = new Agent({ keepAlive: true })
  const read = async (path: string) => {
    const answer = await exchange(agent, port, 'GET', path, '', userId)
    if (answer.status !== 200) throw new Error(`a list was answered with ${answer.status}`)
    return answer
  }
  try {
    if (channel === 'todos') return byId(JSON.parse((await read('/todos')).text) as ApiTodo[])
    const todos: ApiTodo[] = []
    let path: string | undefined = `/api/todos?limit=${pageSize}`
    while (path !== undefined) {
      const { text, link }: Awaited<ReturnType<typeof read>> = await read(path)
      todos.push(...(JSON.parse(text) as { todos: ApiTodo[] }).todos)
      path = /<([^>]+)>; rel="?next/.exec(link)?.[1]
    }
    return byId(todos)
  } finally {
    agent.destroy()
  }
}

/** Not degraded: the lists that it shows are proven to be current. */
export const isReady = async (port: number): Promise<boolean> => {
  const agent = new Agent()
  const { text } = await exchange(agent, port, 'GET', '/ready').catch(() => ({ text: '{}' }))
  agent.destroy()
  return (JSON.parse(text) as { status?: string }).status === 'ready'
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
