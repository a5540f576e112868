// Every endpoint on one screen.

import type { TodoStore } from '../lib/todo-store/todo-store.ts'
import { readProfile, register } from './handlers/accounts.ts'
import { getDocs, getOpenApi } from './handlers/documentation.ts'
import { getHealth, getReady, type Dependency } from './handlers/health.ts'
import { listTodos } from './handlers/list-todos.ts'
import { readTodo } from './handlers/read-todo.ts'
import { login, logout, refresh, type SessionParts } from './handlers/sessions.ts'
import { createTodo, deleteTodo, updateTodo, type WriteParts } from './handlers/write-todos.ts'
import type { HotLists } from './hot-list.ts'
import type { Route } from './router.ts'

export type Parts = WriteParts & {
  readonly lists: HotLists
  readonly store: TodoStore
  readonly sessions: SessionParts
  readonly dependencies: readonly Dependency[]
  readonly isDraining: () => boolean
}

export const createRoutes = (parts: Parts): Route[] => [
  { method: 'GET', path: '/todos', handler: listTodos(parts.lists) },
  { method: 'POST', path: '/todos', handler: createTodo(parts) },
  { method: 'GET', path: '/todos/:id', handler: readTodo(parts.store) },
  { method: 'PUT', path: '/todos/:id', handler: updateTodo(parts) },
  { method: 'DELETE', path: '/todos/:id', handler: deleteTodo(parts) },
  { method: 'POST', path: '/auth/register', handler: register(parts.sessions) },
  { method: 'POST', path: '/auth/login', handler: login(parts.sessions) },
  { method: 'POST', path: '/auth/refresh', handler: refresh(parts.sessions) },
  { method: 'POST', path: '/auth/logout', handler: logout(parts.sessions) },
  { method: 'GET', path: '/api/profile', handler: readProfile(parts.sessions, parts.verifyToken) },
  { method: 'GET', path: '/health', handler: getHealth },
  { method: 'GET', path: '/ready', handler: getReady(parts.dependencies, parts.isDraining) },
  { method: 'GET', path: '/openapi.json', handler: getOpenApi },
  { method: 'GET', path: '/docs', handler: getDocs },
]
