// Every endpoint on one screen.

import type { CommandPublisher } from '../lib/command-log/command-log.ts'
import type { Verified } from '../lib/jwt.ts'
import { getHealth, getReady, type Dependency } from './handlers/health.ts'
import { listTodos } from './handlers/list-todos.ts'
import { createTodo, deleteTodo, updateTodo } from './handlers/write-todos.ts'
import type { HotLists } from './hot-list.ts'
import type { Route } from './router.ts'

export type Parts = {
  readonly lists: HotLists
  readonly publisher: CommandPublisher
  readonly verifyToken: (token: string) => Verified
  readonly dependencies: readonly Dependency[]
}

export const createRoutes = (parts: Parts): Route[] => [
  { method: 'GET', path: '/todos', handler: listTodos(parts.lists) },
  { method: 'POST', path: '/todos', handler: createTodo(parts) },
  { method: 'PUT', path: '/todos/:id', handler: updateTodo(parts) },
  { method: 'DELETE', path: '/todos/:id', handler: deleteTodo(parts) },
  { method: 'GET', path: '/health', handler: getHealth },
  { method: 'GET', path: '/ready', handler: getReady(parts.dependencies) },
]
