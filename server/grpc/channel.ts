// A channel as messages: the event stream that HTTP has of it, read part by part. So who may watch, what
// is missed, what is skipped and when it ends are HTTP's, and this file knows none of it.

import { fromJson, type JsonObject, type Message } from '@bufbuild/protobuf'
import { Code, type ConnectError } from '@connectrpc/connect'
import type { App } from '../http/engines/engine.ts'
import { messageNamed, type Binding, type Contract } from './contract.ts'
import type { Errors } from './errors.ts'
import { metadataOf, requestOf, type Call, type Metadata } from './transcode.ts'

export type Heard =
  | { readonly kind: 'event'; readonly event: Message }
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'ended'; readonly why: ConnectError }

export type Channel = {
  readonly metadata: Metadata
  /** Undefined: nothing comes any more. */
  next(): Promise<readonly Heard[] | undefined>
  /** What is waited for ends with undefined. */
  close(): void
}

/** Rejects with the ConnectError that says why it may not be watched. */
export type OpenChannel = (binding: Binding, message: Message, call: Call) => Promise<Channel>

export const createOpenChannel = (
  { registry }: Contract,
  handle: App['handle'],
  errors: Errors,
): OpenChannel => {
  const eventType = messageNamed(registry, 'todos.v1.ChannelEvent')
  const eventOf = (json: JsonObject): Heard => ({
    kind: 'event',
    event: fromJson(eventType, json, { ignoreUnknownFields: true }),
  })

  const heardOf = (channel: string, block: string): Heard[] => {
    const { id, event, data } = fieldsIn(block)
    if (data === '') return block.startsWith(':') ? [{ kind: 'heartbeat' }] : []
    const said = JSON.parse(data) as JsonObject & Said
    switch (event) {
      case '': {
        const { kind, ...rest } = said
        return [eventOf({ channel, position: id, [kind]: rest })]
      }
      case 'subscribed':
      case 'gap': {
        const { version = 0 } = said
        return [eventOf({ channel, position: id, [event]: { version } })]
      }
      case 'unsubscribed':
        return [{ kind: 'ended', why: endingOf(errors, said.reason) }]
      case 'reconnect':
        return [{ kind: 'ended', why: errors.draining(said.after_ms) }]
      default:
        return []
    }
  }

  /** Everybody who watches a channel is sent the same part: it is read once. */
  const known = new WeakMap<Buffer, readonly Heard[]>()
  const read = (channel: string, part: Buffer): readonly Heard[] => {
    const found = known.get(part)
    if (found) return found
    const blocks = part.toString().split('\n\n')
    const heard = blocks.flatMap((block) => heardOf(channel, block))
    known.set(part, heard)
    return heard
  }

  return async (binding, message, call) => {
    const request = requestOf(binding, message, call)
    const reply = await handle(request)
    const metadata = metadataOf(reply)
    if (reply.status >= 400 || !reply.stream) throw errors.of(reply, binding, metadata)
    const parts = reply.stream[Symbol.asyncIterator]()
    const name = new URLSearchParams(request.query).get('channel') ?? ''
    let isClosed = false
    return {
      metadata,
      async next() {
        const part = isClosed ? undefined : await parts.next()
        return part && !part.done ? read(name, part.value) : undefined
      },
      close() {
        if (isClosed) return
        isClosed = true
        void parts.return?.()
      },
    }
  }
}

type Said = {
  readonly kind: string
  readonly reason: string
  readonly after_ms: number
  readonly version?: number
}

/** Of one event (https://html.spec.whatwg.org/#event-stream-interpretation), as our HTTP writes it. */
const fieldsIn = (block: string) => {
  const fields = { id: '', event: '', data: '' }
  for (const line of block.split('\n')) {
    const colon = line.indexOf(': ')
    const name = line.slice(0, colon)
    if (Object.hasOwn(fields, name)) fields[name as keyof typeof fields] = line.slice(colon + 2)
  }
  return fields
}

const endingOf = (errors: Errors, reason: string): ConnectError => {
  switch (reason) {
    case 'access-ended':
      return errors.ended(Code.PermissionDenied, reason, 'the channel may not be seen any more')
    case 'token-ended':
      return errors.ended(Code.Unauthenticated, reason, 'the token is good no more')
    default:
      return errors.retry(reason, 'whether the channel may be seen can not be checked now')
  }
}
