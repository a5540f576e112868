// Every endpoint on one screen.

import type { TodoStore } from '../lib/todo-store/todo-store.ts'
import { getDocs, getOpenApi } from './handlers/documentation.ts'
import { getHealth, getReady, type Dependency } from './handlers/health.ts'
import { listTodos } from './handlers/list-todos.ts'
import { getPing } from './handlers/ping.ts'
import { readTodo } from './handlers/read-todo.ts'
import { createTodo, deleteTodo, updateTodo, type WriteParts } from './handlers/write-todos.ts'
import type { HotLists } from './hot-list.ts'
import type { Route } from './router.ts'

export type Parts = WriteParts & {
  readonly lists: HotLists
  readonly store: TodoStore
  readonly dependencies: readonly Dependency[]
  readonly isDraining: () => boolean
}

export const createRoutes = (parts: Parts): Route[] => [
  { method: 'GET', path: '/todos', handler: listTodos(parts.lists) },
  { method: 'POST', path: '/todos', handler: createTodo(parts), limit: 'write' },
  { method: 'GET', path: '/todos/:id', handler: readTodo(parts.store), limit: 'read' },
  { method: 'PUT', path: '/todos/:id', handler: updateTodo(parts), limit: 'write' },
  { method: 'DELETE', path: '/todos/:id', handler: deleteTodo(parts), limit: 'write' },
  { method: 'GET', path: '/health', handler: getHealth },
  { method: 'GET', path: '/ready', handler: getReady(parts.dependencies, parts.isDraining) },
  { method: 'GET', path: '/ping', handler: getPing, limit: 'address' },
  { method: 'GET', path: '/openapi.json', handler: getOpenApi, limit: 'read' },
  { method: 'GET', path: '/docs', handler: getDocs, limit: 'read' },
]
