// Every endpoint on one screen.

import type { TodoStore } from '../../lib/todo-store/todo-store.ts'
import { readProfile, register } from './accounts/accounts.ts'
import { getDocs, getOpenApi } from './docs/documentation.ts'
import { getHealth, getReady, type Dependency } from './health/health.ts'
import { listTodos } from './public-lists/list-todos.ts'
import {
  listPersonalTodos,
  personalCollection,
  readPersonalTodo,
  type PersonalParts,
} from './todos/personal-todos.ts'
import { getPing } from './health/ping.ts'
import { readTodo, type ReadTodoParts } from './todos/read-todo.ts'
import { login, logout, refresh, type SessionParts } from './accounts/sessions.ts'
import {
  createTodo,
  deleteTodo,
  updateStatus,
  updateTodo,
  type Collection,
  type WriteParts,
} from './todos/write-todos.ts'
import type { HotLists } from './public-lists/hot-list.ts'
import type { LimitName } from '../limits/limits.ts'
import type { Handler, Route } from '../http/router.ts'

export type Parts = WriteParts &
  PersonalParts &
  ReadTodoParts & {
    readonly lists: HotLists
    readonly store: TodoStore
    readonly sessions: SessionParts
    readonly dependencies: readonly Dependency[]
    readonly isDraining: () => boolean
  }

export const createRoutes = (parts: Parts): Route[] => {
  const { sessions, verifyToken } = parts
  const common = publicCollection(parts.store)
  const own = personalCollection(parts)
  return [
    route('GET', '/todos', listTodos(parts.lists)),
    route('POST', '/todos', createTodo(parts, common), 'write'),
    route('GET', '/todos/:id', readTodo(parts), 'read'),
    route('PUT', '/todos/:id', updateTodo(parts, common), 'write'),
    route('DELETE', '/todos/:id', deleteTodo(parts, common), 'write'),

    route('POST', '/auth/register', register(sessions), 'address'),
    route('POST', '/auth/login', login(sessions), 'address'),
    route('POST', '/auth/refresh', refresh(sessions), 'address'),
    route('POST', '/auth/logout', logout(sessions), 'address'),
    route('GET', '/api/profile', readProfile(sessions, verifyToken), 'user'),

    route('GET', '/api/todos', listPersonalTodos(parts), 'user'),
    route('POST', '/api/todos', createTodo(parts, own), 'user'),
    route('GET', '/api/todos/:id', readPersonalTodo(parts), 'user'),
    route('PUT', '/api/todos/:id', updateTodo(parts, own), 'user'),
    route('PATCH', '/api/todos/:id/status', updateStatus(parts, own), 'user'),
    route('DELETE', '/api/todos/:id', deleteTodo(parts, own), 'user'),

    route('GET', '/health', getHealth),
    route('GET', '/ready', getReady(parts.dependencies, parts.isDraining)),
    route('GET', '/ping', getPing, 'address'),
    route('GET', '/openapi.json', getOpenApi, 'read'),
    route('GET', '/docs', getDocs, 'read'),
  ]
}

const route = (
  method: Route['method'],
  path: string,
  handler: Handler,
  limit?: LimitName,
): Route => ({ method, path, handler, ...(limit && { limit }) })

const publicCollection = (store: TodoStore): Collection => ({
  path: '/todos',
  waitSec: 0,
  read: (_userId, id) => store.readTodo(id),
  onChanged: () => Promise.resolve(),
})
