// Every endpoint on one screen.

import type { TodoStore } from '../lib/todo-store/todo-store.ts'
import { readProfile, register } from './handlers/accounts.ts'
import { getDocs, getOpenApi } from './handlers/documentation.ts'
import { getHealth, getReady, type Dependency } from './handlers/health.ts'
import { listTodos } from './handlers/list-todos.ts'
import {
  listPersonalTodos,
  personalCollection,
  readPersonalTodo,
  type PersonalParts,
} from './handlers/personal-todos.ts'
import { readTodo } from './handlers/read-todo.ts'
import { login, logout, refresh, type SessionParts } from './handlers/sessions.ts'
import {
  createTodo,
  deleteTodo,
  updateStatus,
  updateTodo,
  type Collection,
  type WriteParts,
} from './handlers/write-todos.ts'
import type { HotLists } from './hot-list.ts'
import type { Route } from './router.ts'

export type Parts = WriteParts &
  PersonalParts & {
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
    { method: 'GET', path: '/todos', handler: listTodos(parts.lists) },
    { method: 'POST', path: '/todos', handler: createTodo(parts, common) },
    { method: 'GET', path: '/todos/:id', handler: readTodo(parts.store) },
    { method: 'PUT', path: '/todos/:id', handler: updateTodo(parts, common) },
    { method: 'DELETE', path: '/todos/:id', handler: deleteTodo(parts, common) },
    { method: 'POST', path: '/auth/register', handler: register(sessions) },
    { method: 'POST', path: '/auth/login', handler: login(sessions) },
    { method: 'POST', path: '/auth/refresh', handler: refresh(sessions) },
    { method: 'POST', path: '/auth/logout', handler: logout(sessions) },
    { method: 'GET', path: '/api/profile', handler: readProfile(sessions, verifyToken) },
    { method: 'GET', path: '/api/todos', handler: listPersonalTodos(parts) },
    { method: 'POST', path: '/api/todos', handler: createTodo(parts, own) },
    { method: 'GET', path: '/api/todos/:id', handler: readPersonalTodo(parts) },
    { method: 'PUT', path: '/api/todos/:id', handler: updateTodo(parts, own) },
    { method: 'PATCH', path: '/api/todos/:id/status', handler: updateStatus(parts, own) },
    { method: 'DELETE', path: '/api/todos/:id', handler: deleteTodo(parts, own) },
    { method: 'GET', path: '/health', handler: getHealth },
    { method: 'GET', path: '/ready', handler: getReady(parts.dependencies, parts.isDraining) },
    { method: 'GET', path: '/openapi.json', handler: getOpenApi },
    { method: 'GET', path: '/docs', handler: getDocs },
  ]
}

const publicCollection = (store: TodoStore): Collection => ({
  path: '/todos',
  waitSec: 0,
  read: (_userId, id) => store.readTodo(id),
  onChanged: () => Promise.resolve(),
})
