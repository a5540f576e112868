// The messages on a WebSocket: small JSON objects, each with a `type`. What a client sends is checked here;
// what it is sent is made here. The AsyncAPI document is made from the same shapes.

import { positionOf, positionText, type ChannelPosition } from '../../lib/domain/event.ts'
import {
  boolean,
  described,
  InvalidField,
  list,
  matching,
  object,
  oneOf,
  optional,
  shape,
  string,
  text,
  wholeNumber,
  type Shape,
  type TypeOf,
} from '../../lib/domain/shape.ts'
import { todoId } from '../../lib/domain/todo.ts'
import { tooManyMessages, tooManySubscriptions } from '../http/access-problems.ts'
import { Problem, type ProblemKind } from '../http/problem.ts'
import { invalid, invalidFields } from '../http/problems.ts'
import { namedMax, type Change, type Present } from './presence-states.ts'

/** Of a subprotocol that a client may offer, and that is agreed on then. */
export const subprotocol = 'todos.v1'
/** A subprotocol that is none: what follows is the token. */
export const tokenProtocol = 'bearer.'

export const channelNameLengthMax = 100

/** How long a client shows that somebody types; who goes on typing says so again before. */
export const typingHoldsMs = 5_000

const channel = described(
  text({ min: 1, max: channelNameLengthMax }),
  'As the client calls it: `todos`, `mine`, `team:…`.',
)
export const position: Shape<ChannelPosition> = shape(
  {
    type: 'string',
    pattern: '^[\\w-]{1,32}\\.\\d{1,15}$',
    description: 'A place in a channel. Opaque: kept, and given back as `since`.',
  },
  (value, field) => {
    const found = typeof value === 'string' ? positionOf(value) : undefined
    if (found) return found
    throw new InvalidField(field, `${field} must be a position that the server gave`)
  },
)
const id = optional(
  described(
    matching(/^[\w.:-]{1,64}$/, '1 to 64 letters, digits or ._:-'),
    'Any name of the client for this message: the answer has it too.',
  ),
)
const type = <const T extends string>(name: T) => oneOf(name)

export const clientMessages = {
  authenticate: object(
    { type: type('authenticate'), id, token: string({ minLength: 1 }) },
    {
      description:
        'Who watches. Again with a newer token, before the last one expires, of the same user.',
    },
  ),
  subscribe: object(
    {
      type: type('subscribe'),
      id,
      channel,
      since: optional(position),
      presence: optional(
        described(
          boolean,
          'To be present there, and to be told who else is. A channel of one person has no presence.',
        ),
      ),
    },
    { description: 'Watch a channel: from now on, or from a position on.' },
  ),
  unsubscribe: object(
    { type: type('unsubscribe'), id, channel },
    { description: 'Watch it no more.' },
  ),
  typing: object(
    {
      type: type('typing'),
      id,
      channel,
      todo_id: optional(described(todoId, 'The todo that is written, where there is one already.')),
    },
    {
      description:
        'Whoever is present types now: once every three seconds while it lasts. The others are told, once a second at most; there is no answer.',
    },
  ),
  ping: object({ type: type('ping'), id }, { description: 'Answered with a `pong`.' }),
} as const
export type ClientMessage = {
  [K in keyof typeof clientMessages]: TypeOf<(typeof clientMessages)[K]>
}[keyof typeof clientMessages]

const types = Object.keys(clientMessages)
const notAnObject = new Problem(invalid('the message must be a JSON object', 'message'))

/** Throws the problem; its `id`, where one can be told, is in `idOf`. */
export const parseMessage = (json: string): ClientMessage => {
  const value = objectIn(json)
  const kind = value && typeof value['type'] === 'string' ? value['type'] : undefined
  if (!value) throw notAnObject
  if (kind === undefined || !Object.hasOwn(clientMessages, kind))
    throw new Problem(invalid(`type must be ${types.join(' or ')}`, 'type'))
  try {
    return clientMessages[kind as keyof typeof clientMessages].parse(value, 'message')
  } catch (error) {
    throw error instanceof InvalidField ? new Problem(invalidFields(error)) : error
  }
}

/** Of a message that is refused. */
export const idOf = (json: string): string | undefined => {
  try {
    return id.parse(objectIn(json)?.['id'], 'id')
  } catch {
    return undefined
  }
}

const objectIn = (json: string): Record<string, unknown> | undefined => {
  try {
    const value = JSON.parse(json) as unknown
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

export const alreadySubscribed = invalid('this socket watches the channel already', 'channel')
export const anotherUser = invalid(
  'the token is of another user: open another socket for that one',
  'token',
)
export const noPresence = invalid('this channel has no presence', 'presence')
export const notPresent = invalid(
  'this socket is not present in the channel: subscribe to it with presence',
  'channel',
)
/** What only messages are refused with. */
export const messageProblems: readonly ProblemKind[] = [
  tooManySubscriptions,
  tooManyMessages,
  alreadySubscribed,
  anotherUser,
  noPresence,
  notPresent,
]

/** Why a channel is watched no more. */
export const endings = {
  asked: 'The client unsubscribed.',
  'access-ended': 'Whoever watches may see it no more.',
  'token-ended':
    'The token has expired, or its session has ended: authenticate, and subscribe again.',
  unverified: 'Whether it may be seen can not be checked now: subscribe again.',
} as const
export type Ending = keyof typeof endings

const message = (fields: object): Buffer => Buffer.from(JSON.stringify(fields))

export type Welcome = {
  readonly heartbeatMs: number
  readonly subscriptionsMax: number
  readonly messageBytesMax: number
}
export const welcome = ({ heartbeatMs, subscriptionsMax, messageBytesMax }: Welcome): Buffer =>
  message({
    type: 'welcome',
    protocol: subprotocol,
    heartbeat_ms: heartbeatMs,
    subscriptions_max: subscriptionsMax,
    message_bytes_max: messageBytesMax,
  })
export const authenticated = (id: string | undefined, userId: string): Buffer =>
  message({ type: 'authenticated', id, user_id: userId })
export const subscribed = (
  id: string | undefined,
  channel: string,
  position: ChannelPosition,
  version: number | undefined,
): Buffer => message({ type: 'subscribed', id, channel, position: positionText(position), version })
export const gap = (channel: string, position: ChannelPosition, version: number): Buffer =>
  message({ type: 'gap', channel, position: positionText(position), version })
export const unsubscribed = (id: string | undefined, channel: string, reason: Ending): Buffer =>
  message({ type: 'unsubscribed', id, channel, reason })
export const presence = (channel: string, { users, count }: Present): Buffer =>
  message({ type: 'presence', channel, users, count })
export const presenceChange = (
  channel: string,
  { joined, left, count }: Change & { readonly count: number },
): Buffer => message({ type: 'presence-change', channel, joined, left, count })
export const presenceUnknown = (channel: string): Buffer =>
  message({ type: 'presence-unknown', channel })
export const typing = (channel: string, userId: string, todo: string | undefined): Buffer =>
  message({
    type: 'presence-typing',
    channel,
    user_id: userId,
    todo_id: todo,
    for_ms: typingHoldsMs,
  })
export const reconnect = (afterMs: number): Buffer =>
  message({ type: 'reconnect', after_ms: afterMs })
export const pong = (id: string | undefined): Buffer => message({ type: 'pong', id })
/** The same body as a request that is refused so. */
export const problem = (id: string | undefined, { reply }: Problem): Buffer =>
  message({ type: 'problem', id, problem: JSON.parse(reply.body.toString()) as unknown })

const milliseconds = wholeNumber(0)
const version = described(
  wholeNumber(0),
  'How new the list must be. The `ETag` of a list, and of a todo, begins with its version: read again while that is lower. What has no version in its `ETag`, or no `ETag`, is new enough.',
)
const userIds = (description: string) => described(list(string()), description)
const presentCount = described(
  wholeNumber(0),
  'Users in all. Exact while no server process has more than can be named; else somebody in two of them may count twice.',
)
const anyId = optional(string({ description: 'Of the message that this answers.' }))
const anyObject = (description: string): Shape<unknown> =>
  shape({ type: 'object', description }, (value) => value)

/** As documents describe what a server sends. */
export const serverMessages = {
  welcome: object(
    {
      type: type('welcome'),
      protocol: type(subprotocol),
      heartbeat_ms: described(milliseconds, 'How often the server pings.'),
      subscriptions_max: wholeNumber(1),
      message_bytes_max: wholeNumber(1),
    },
    { description: 'The first message.' },
  ),
  authenticated: object(
    { type: type('authenticated'), id: anyId, user_id: string() },
    { description: 'The token is good.' },
  ),
  subscribed: object(
    { type: type('subscribed'), id: anyId, channel, position, version: optional(version) },
    {
      description:
        'The channel is watched; what comes is after this position. With a `version` read the list; without, you go on from `since`, and what you missed follows, or a `gap`.',
    },
  ),
  event: object(
    {
      type: type('event'),
      channel,
      position,
      data: anyObject(
        'What happened: `kind` is `created`, `updated` or `deleted` (with `by`, `revision` and `todo` or `id`), or `membership`.',
      ),
    },
    {
      description:
        'Each once, in the order of the positions. Within a todo a higher `revision` is newer.',
    },
  ),
  gap: object(
    { type: type('gap'), channel, position, version },
    {
      description:
        'Some events can not be had: the client was away too long, or read too slowly. Read the list anew; what comes is after this position.',
    },
  ),
  presence: object(
    {
      type: type('presence'),
      channel,
      users: userIds(`The ${namedMax} smallest ids, in order.`),
      count: presentCount,
    },
    {
      description:
        'Who is present now, in place of all that was told before. Somebody with two sockets is present once.',
    },
  ),
  'presence-change': object(
    {
      type: type('presence-change'),
      channel,
      joined: userIds('To be added to those named.'),
      left: userIds('To be taken from those named.'),
      count: presentCount,
    },
    { description: 'What has changed since the last message of presence in this channel.' },
  ),
  'presence-unknown': object(
    { type: type('presence-unknown'), channel },
    {
      description:
        'Who is present can not be known now: what was told before is not true any more. A `presence` follows when it can.',
    },
  ),
  'presence-typing': object(
    {
      type: type('presence-typing'),
      channel,
      user_id: string(),
      todo_id: optional(todoId),
      for_ms: described(
        milliseconds,
        'How long it is shown, unless it comes again, or they leave.',
      ),
    },
    { description: 'Somebody else types. It may be lost, and nobody says when it is over.' },
  ),
  unsubscribed: object(
    {
      type: type('unsubscribed'),
      id: anyId,
      channel,
      reason: described(
        oneOf(...(Object.keys(endings) as Ending[])),
        Object.entries(endings)
          .map(([name, when]) => `\`${name}\`: ${when}`)
          .join(' '),
      ),
    },
    { description: 'The channel is watched no more.' },
  ),
  problem: object(
    { type: type('problem'), id: anyId, problem: anyObject('As `application/problem+json`.') },
    { description: 'A message was refused. The socket stays open, unless it is closed with 1008.' },
  ),
  reconnect: object(
    { type: type('reconnect'), after_ms: milliseconds },
    {
      description:
        'This process leaves, and closes the socket. Connect again after so long, and subscribe with the last positions.',
    },
  ),
  pong: object({ type: type('pong'), id: anyId }, { description: 'Answers a `ping`.' }),
} as const
