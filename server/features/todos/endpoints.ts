// Todos: public ones, but for their lists, those that only their owner sees, and those of a team.

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
import { createTeamTodo } from './team/create-team-todo.ts'
import { deleteTeamTodo } from './team/delete-team-todo.ts'
import { listTeamTodos } from './team/list-team-todos.ts'
import { patchTeamTodo } from './team/patch-team-todo.ts'
import { readTeamTodo } from './team/read-team-todo.ts'
import { updateTeamStatus } from './team/update-team-status.ts'
import { updateTeamTodo } from './team/update-team-todo.ts'
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

  listTeamTodos(parts),
  createTeamTodo(parts),
  readTeamTodo(parts),
  updateTeamTodo(parts),
  patchTeamTodo(parts),
  updateTeamStatus(parts),
  deleteTeamTodo(parts),
]
