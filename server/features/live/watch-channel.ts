// GET /events?channel=…: a channel as Server-Sent Events, for those who want plain HTTP.

import { optional, string } from '../../../lib/domain/shape.ts'
import { text } from '../../../lib/domain/shape.ts'
import { invalidToken, noToken } from '../../http/access-problems.ts'
import type { AnswerDescription } from '../../http/contract/answer.ts'
import { endpoint } from '../../http/contract/endpoint.ts'
import { createStreamed } from '../../http/engines/engine.ts'
import { noStore, type ResponseHeader } from '../../http/response-headers.ts'
import { inert } from '../../http/security-headers.ts'
import { eventsUnavailable, unknownChannel, type ChannelKind } from '../../realtime/channels.ts'
import { tooManyClients } from '../../realtime/live.ts'
import { channelNameLengthMax, position } from '../../realtime/protocol.ts'
import { tag, type WatchParts } from './parts.ts'

const unbuffered: ResponseHeader = {
  name: 'X-Accel-Buffering',
  description: 'Nginx passes each event on as it comes.',
  schema: { type: 'string', const: 'no' },
  isRequired: true,
  value: 'no',
}
const example = [
  'retry: 1500',
  'id: e1.41',
  'event: subscribed',
  'data: {"channel":"todos","position":"e1.41","version":1795765884012345}',
  '',
  'id: e1.42',
  'data: {"kind":"deleted","by":"ann","revision":3,"id":"kT5bJb9jQmWv3rVbQm1XqQ-0000000042"}',
  '',
  '',
].join('\n')
const stream: AnswerDescription = {
  status: 200,
  description:
    'The events, without an end. `id` is the position. Events without a name are what happened; `subscribed`, `gap`, `unsubscribed` and `reconnect` say what the messages of these names say on a WebSocket. A comment comes when nothing else does.',
  headers: [noStore, unbuffered],
  content: { mediaType: 'text/event-stream', shape: string(), examples: [example] },
}
const streamHeaders = [
  'Content-Type',
  'text/event-stream',
  'Cache-Control',
  'no-store',
  'X-Accel-Buffering',
  'no',
  ...inert,
]

export const watchChannel = ({
  watch,
  kinds,
}: {
  readonly watch: WatchParts
  readonly kinds: readonly ChannelKind[]
}) =>
  endpoint({
    method: 'GET',
    path: '/events',
    operationId: 'watchChannel',
    summary: 'Watch a channel (Server-Sent Events)',
    description: `What \`EventSource\` reads. All channels but the public list need a token, in \`Authorization\`. A client that comes back with \`Last-Event-ID\` gets what it missed, in order and once. Channels: ${kinds.map(({ name }) => `\`${name}\``).join(', ')}.`,
    tag,
    auth: 'none',
    limit: 'address',
    query: {
      channel: {
        shape: text({ min: 1, max: channelNameLengthMax }),
        description: kinds.map(({ name, description }) => `\`${name}\`: ${description}`).join(' '),
        example: 'todos',
      },
    },
    headers: {
      lastEventId: {
        name: 'Last-Event-ID',
        description: 'The `id` of the last event that was read. `EventSource` sends it by itself.',
        example: 'e1.42',
        shape: optional(position),
      },
    },
    responses: [stream],
    problems: [
      unknownChannel(kinds.map(({ name }) => name)),
      noToken,
      invalidToken('the token has expired'),
      ...new Set(kinds.flatMap(({ problems }) => problems)),
      tooManyClients,
      eventsUnavailable,
    ],
    async handler({ request, client, query: { channel }, headers: { lastEventId } }) {
      const hasToken = request.header('authorization') !== undefined
      const identity = hasToken
        ? { token: watch.tokenOf(request), principal: watch.authenticate(request) }
        : undefined
      if (request.method === 'HEAD') {
        await watch.live.permit(channel, identity)
        return createStreamed(200, streamHeaders, empty)
      }
      const transport = request.isRpc ? 'grpc' : 'event-stream'
      const parts = await watch.live.watch(channel, lastEventId, identity, client.key, transport)
      return createStreamed(200, streamHeaders, parts)
    },
  })

const empty: AsyncIterable<Buffer> = {
  [Symbol.asyncIterator]: () => ({
    next: () => Promise.resolve({ done: true, value: undefined }),
  }),
}
