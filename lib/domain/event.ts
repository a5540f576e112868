// What happened to a list, as those who watch it are told. A list that can be watched is a channel; its
// events are numbered in the order in which they happened. Pure.

import type { TeamRole } from './team.ts'
import { rowJson, type TodoRow } from './todo.ts'

/** `todos` is the public list, `user:` a user's own, `team:` a team's, `todo:` one that is shared. */
export type ChannelName = 'todos' | `user:${string}` | `team:${string}` | `todo:${string}`

export const publicChannel: ChannelName = 'todos'
const userPrefix = 'user:'
export const userChannel = (userId: string): ChannelName =>
  `${userPrefix}${encodeURIComponent(userId)}`
const teamPrefix = 'team:'
export const teamChannel = (teamId: string): ChannelName => `${teamPrefix}${teamId}`
const todoPrefix = 'todo:'
export const todoChannel = (todoId: string): ChannelName => `${todoPrefix}${todoId}`

/** What a channel is of. */
export const userOf = (channel: ChannelName): string =>
  decodeURIComponent(channel.slice(userPrefix.length))
export const teamOf = (channel: ChannelName): string => channel.slice(teamPrefix.length)
export const todoOf = (channel: ChannelName): string => channel.slice(todoPrefix.length)

/** In place of a channel or a user, where access has ended: any of them. */
export const anyOf = '*'
export type AnyOf = typeof anyOf

/** Somebody's role in a team from now on; null: none. */
export const membershipBody = (by: string, userId: string, role: TeamRole | null): string =>
  JSON.stringify({ kind: 'membership', by, user_id: userId, role })

/** A todo that `by` has changed, as it is since then. */
export const updatedBody = (by: string, todo: TodoRow): string =>
  `{"kind":"updated","by":${JSON.stringify(by)},"revision":${todo.revision},"todo":${rowJson(todo)}}`

/** One to be appended, as a line of what is left in the outbox. Without a body: a gap. */
export const lineOf = (channel: ChannelName, body: string | undefined): string =>
  body === undefined ? channel : `${channel} ${body}`

const teamSourcePrefix = 'team:'
/** Who has left something in the outbox is no partition of a log but the end of a membership. */
export const teamSource = (teamId: string, shard: string | undefined): string =>
  `${teamSourcePrefix}${teamId}${shard === undefined ? '' : `@${shard}`}`
/** Of these nobody but a sweep appends what is left. */
export const sweptSources = `${teamSourcePrefix}%`

/** Events that are kept for whoever was away: older ones can't be had, and the list is read anew. */
export const keptEvents = 1_000

/**
 * A place in a channel: what has a higher number is still to be heard. The numbers of another epoch
 * count something else: whoever kept the events has lost them, and begun anew.
 */
export type ChannelPosition = { readonly epoch: string; readonly number: number }

/** As clients are given it, and give it back. */
export const positionText = ({ epoch, number }: ChannelPosition): string => `${epoch}.${number}`

const positionPattern = /^([\w-]{1,32})\.(\d{1,15})$/

/** Undefined for what is no position. */
export const positionOf = (text: string): ChannelPosition | undefined => {
  const [, epoch, number] = positionPattern.exec(text) ?? []
  return epoch === undefined ? undefined : { epoch, number: Number(number) }
}
