// Shares: whom a personal todo is shared with, and what is shared with oneself.

import type { Endpoint } from '../../http/contract/endpoint.ts'
import { leaveTodo } from './leave-todo.ts'
import { listSharedTodos } from './list-shared-todos.ts'
import { listShares } from './list-shares.ts'
import type { ShareParts } from './parts.ts'
import { shareTodo } from './share-todo.ts'
import { unshareTodo } from './unshare-todo.ts'

export const shareEndpoints = (parts: ShareParts): Endpoint[] => [
  shareTodo(parts),
  listShares(parts),
  unshareTodo(parts),
  listSharedTodos(parts),
  leaveTodo(parts),
]
