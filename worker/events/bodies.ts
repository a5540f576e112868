// Pure: what is told of a change, and which channels it goes to.

import {
  publicChannel,
  teamChannel,
  todoChannel,
  updatedBody,
  userChannel,
  type ChannelName,
} from '../../lib/domain/event.ts'
import type { CreateTodo } from '../../lib/domain/command.ts'
import { rowJson, todoJson, type TodoRow } from '../../lib/domain/todo.ts'
import type { LeftEvent } from '../../lib/todo-store/todo-store.ts'
import type { Effect } from '../todos/fold.ts'

/** Whoever listens to it may see the todo. A team's is personal, too, and none of its maker's own. */
export const channelOf = ({ is_personal, team_id, user_id }: TodoRow): ChannelName => {
  if (team_id !== null) return teamChannel(team_id)
  return is_personal ? userChannel(user_id) : publicChannel
}

/** One for each change that took effect; of a todo in `shared` one for those as well whom it is shared with. */
export const eventsOf = (effects: readonly Effect[], shared: ReadonlySet<string>): LeftEvent[] =>
  effects.flatMap((effect) => {
    const { todo } = effect
    if (!todo) return []
    const body = bodyOf(effect, todo)
    const event = { channel: channelOf(todo), body }
    return shared.has(todo.id) ? [event, { channel: todoChannel(todo.id), body }] : event
  })

const bodyOf = ({ command }: Effect, todo: TodoRow): string => {
  const by = JSON.stringify(command.userId)
  if (command.kind === 'delete') {
    // After the last that was heard of it.
    const { id, revision } = todo
    return `{"kind":"deleted","by":${by},"revision":${revision + 1},"id":${JSON.stringify(id)}}`
  }
  if (command.kind !== 'create') return updatedBody(command.userId, todo)
  return `{"kind":"created","by":${by},"revision":${todo.revision},"todo":${rowJson(todo)}}`
}

/** As bodyOf() would tell of each, at a quarter of its cost: most of what a worker does is this. */
export const eventsOfCreations = (creations: readonly CreateTodo[]): LeftEvent[] => {
  let atMs = NaN
  let at = ''
  return creations.map((command) => {
    if (command.atMs !== atMs) {
      atMs = command.atMs
      at = new Date(atMs).toISOString()
    }
    const by = JSON.stringify(command.userId)
    const title = JSON.stringify(command.title)
    const description = JSON.stringify(command.description)
    return {
      channel: publicChannel,
      // An id needs no escaping.
      body: `{"kind":"created","by":${by},"revision":1,"todo":{"id":"${command.todoId}","title":${title},"description":${description},"completed":false,"user_id":${by},"created_at":"${at}","updated_at":"${at}"}}`,
    }
  })
}

/**
 * Of a public todo that was made, for a worker that died before it could tell. What has changed it since is told
 * behind this: the todo may be newer than revision 1, but not the revision.
 */
export const createdEvent = (todo: TodoRow | undefined): LeftEvent => {
  if (!todo) return { channel: publicChannel, body: undefined }
  const by = JSON.stringify(todo.user_id)
  return {
    channel: publicChannel,
    body: `{"kind":"created","by":${by},"revision":1,"todo":${todoJson(todo)}}`,
  }
}
