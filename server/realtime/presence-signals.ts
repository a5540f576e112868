// What processes say to each other about who is present and who types, as JSON. Whoever may publish to the
// store may say anything: what is no signal of ours is ignored.

import {
  boolean,
  list,
  object,
  oneOf,
  optional,
  shape,
  text,
  wholeNumber,
  type TypeOf,
} from '../../lib/domain/shape.ts'
import { todoId, userIdLengthMax } from '../../lib/domain/todo.ts'
import { namedMax, type ProcessState } from './presence-states.ts'

const processIdLengthMax = 64
const userId = text({ min: 1, max: userIdLengthMax })
const process = text({ min: 1, max: processIdLengthMax })

const state = object({
  type: oneOf('state'),
  process,
  sequence: wholeNumber(0),
  users: list(userId),
  count: wholeNumber(0),
  /** Whoever hears it says its own. */
  ask: optional(boolean),
})
const typing = object({ type: oneOf('typing'), process, user: userId, todo: optional(todoId) })

export type StateSignal = TypeOf<typeof state>
export type TypingSignal = TypeOf<typeof typing>

export const stateBody = (
  { process, sequence, users, count }: ProcessState,
  isAsking: boolean,
): string =>
  JSON.stringify({ type: 'state', process, sequence, users, count, ...(isAsking && { ask: true }) })

export const typingBody = (process: string, user: string, todo: string | undefined): string =>
  JSON.stringify({ type: 'typing', process, user, todo })

const either = shape({}, (value, field): StateSignal | TypingSignal => {
  const { type } = value as { readonly type?: unknown }
  return type === 'typing' ? typing.parse(value, field) : state.parse(value, field)
})

/** Undefined for what is none. */
export const signalOf = (body: string): StateSignal | TypingSignal | undefined => {
  try {
    const signal = either.parse(JSON.parse(body), 'signal')
    if (signal.type === 'typing') return signal
    const { users, count } = signal
    return users.length <= namedMax && users.length <= count ? signal : undefined
  } catch {
    return undefined
  }
}
