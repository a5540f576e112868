// Every endpoint on one screen.

import type { TodoStore } from '../lib/todo-store/todo-store.ts'
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
    readonly dependencies: readonly Dependency[]
    readonly isDraining: () => boolean
  }

export const createRoutes = (parts: Parts): Route[] => {
  const common = publicCollection(parts.store)
  const own = personalCollection(parts)
  return [
    { method: 'GET', path: '/todos', handler: listTodos(parts.lists) },
    { method: 'POST', path: '/todos', handler: createTodo(parts, common) },
    { method: 'GET', path: '/todos/:id', handler: readTodo(parts.store) },
    { method: 'PUT', path: '/todos/:id', handler: updateTodo(parts, common) },
    { method: 'DELETE', path: '/todos/:id', handler: deleteTodo(parts, common) },
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
