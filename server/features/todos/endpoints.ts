// Todos: public ones, but for their lists, and those that only their owner sees.

import type { Endpoint } from '../../http/contract/endpoint.ts'
import { createTodo } from './create-todo.ts'
import { deleteTodo } from './delete-todo.ts'
import type { TodoParts } from './parts.ts'
import { patchTodo } from './patch-todo.ts'
import { createOwnTodo } from './personal/create-own-todo.ts'
import { deleteOwnTodo } from './personal/delete-own-todo.ts'
import { listOwnTodos } from './personal/list-own-todos.ts'
import { patchOwnTodo } from './personal/patch-own-todo.ts'
import { readOwnTodo } from './personal/read-own-todo.ts'
import { updateOwnStatus } from './personal/update-own-status.ts'
import { updateOwnTodo } from './personal/update-own-todo.ts'
import { readTodo } from './read-todo.ts'
import { updateTodo } from './update-todo.ts'

export const todoEndpoints = (parts: TodoParts): Endpoint[] => [
  createTodo(parts),
  readTodo(parts),
  updateTodo(parts),
  patchTodo(parts),
  deleteTodo(parts),

  listOwnTodos(parts),
  createOwnTodo(parts),
  readOwnTodo(parts),
  updateOwnTodo(parts),
  patchOwnTodo(parts),
  updateOwnStatus(parts),
  deleteOwnTodo(parts),
]
