// The AsyncAPI 3 document of the WebSocket: made from the shapes that messages are checked with.

import type { JsonSchema, Shape } from '../../lib/domain/shape.ts'
import type { ChannelKind } from './channels.ts'
import { livePath } from './live.ts'
import {
  clientMessages,
  messageProblems,
  serverMessages,
  subprotocol,
  tokenProtocol,
} from './protocol.ts'

type Reference = { readonly $ref: string }
type Message = {
  readonly name: string
  readonly summary: string
  readonly contentType: 'application/json'
  readonly payload: JsonSchema
}
type Operation = {
  readonly action: 'send' | 'receive'
  readonly summary: string
  readonly channel: Reference
  readonly messages: readonly Reference[]
}

export type AsyncApi = {
  readonly asyncapi: '3.0.0'
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly servers?: Readonly<
    Record<string, { readonly host: string; readonly protocol: string; readonly pathname: string }>
  >
  readonly defaultContentType: 'application/json'
  readonly channels: Readonly<
    Record<
      string,
      {
        readonly address: string
        readonly description: string
        readonly messages: Readonly<Record<string, Reference>>
        readonly bindings: { readonly ws: { readonly method: 'GET' } }
      }
    >
  >
  readonly operations: Readonly<Record<string, Operation>>
  readonly components: { readonly messages: Readonly<Record<string, Message>> }
}

/** `publicUrl`: where clients reach the API; empty when that is not known. */
export const asyncApiOf = (
  kinds: readonly ChannelKind[],
  version: string,
  publicUrl: string,
): AsyncApi => {
  const all = { ...clientMessages, ...serverMessages } as Readonly<Record<string, Shape<unknown>>>
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Million RPS Todo API: live updates',
      version,
      description: [
        'Each message is a JSON object in a frame of text. What is binary closes the socket with 1003, what is too large with 1009.',
        `A token comes in \`authenticate\`, or with the handshake: \`Sec-WebSocket-Protocol: ${subprotocol}, ${tokenProtocol}<token>\`.`,
        `What can be watched: ${kinds.map(({ name, description }) => `\`${name}\`: ${description}`).join(' ')}`,
        `Who is present is told in: ${kinds
          .filter(({ hasPresence }) => hasPresence)
          .map(({ name }) => `\`${name}\``)
          .join(', ')}. It is told of nobody who does not ask for it, and nothing of it is kept.`,
        `Besides what requests are refused with, a \`problem\` may be: ${[...new Set(messageProblems.map(({ type }) => type.slug))].join(', ')}.`,
      ].join('\n\n'),
    },
    ...(publicUrl !== '' && { servers: { public: serverOf(publicUrl) } }),
    defaultContentType: 'application/json',
    channels: {
      live: {
        address: livePath,
        description: 'One WebSocket, over which any number of lists are watched.',
        messages: mapped(all, (name) => ({ $ref: `#/components/messages/${name}` })),
        bindings: { ws: { method: 'GET' } },
      },
    },
    operations: {
      ask: operation('receive', 'What a client sends.', clientMessages),
      tell: operation('send', 'What a client is sent.', serverMessages),
    },
    components: {
      messages: mapped(all, (name, { schema }) => ({
        name,
        summary: schema.description ?? '',
        contentType: 'application/json',
        payload: schema,
      })),
    },
  }
}

const operation = (
  action: Operation['action'],
  summary: string,
  messages: Readonly<Record<string, Shape<unknown>>>,
): Operation => ({
  action,
  summary,
  channel: { $ref: '#/channels/live' },
  messages: Object.keys(messages).map((name) => ({ $ref: `#/channels/live/messages/${name}` })),
})

const serverOf = (publicUrl: string) => {
  const { host, protocol, pathname } = new URL(publicUrl)
  return { host, protocol: protocol === 'https:' ? 'wss' : 'ws', pathname }
}

const mapped = <T, U>(
  all: Readonly<Record<string, T>>,
  to: (name: string, one: T) => U,
): Record<string, U> =>
  Object.fromEntries(Object.entries(all).map(([name, one]) => [name, to(name, one)]))
