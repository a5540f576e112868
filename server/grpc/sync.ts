// Sync: commands in, outcomes and changes out, on one stream. Each command is handled as the RPC whose
// request it is, each subscription as Watch is. What a client may have in flight is bounded; past that its
// messages are not read, and the window of HTTP/2 holds it back.

import { create, type Message } from '@bufbuild/protobuf'
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect'
import type { App, Reply } from '../http/engines/engine.ts'
import { waitSecMax } from '../http/write-headers.ts'
import type { Channel, OpenChannel } from './channel.ts'
import { messageNamed, type Binding, type Contract } from './contract.ts'
import { preferWithin } from './deadline.ts'
import type { Errors } from './errors.ts'
import { createOutbox } from './outbox.ts'
import { metadataOf, requestOf, type Call } from './transcode.ts'

/** Commands, and answers to other messages, of one stream that its client was not sent yet. */
const inFlightMax = 64

export type SyncBounds = { readonly subscriptionsMax: number }

type OneOf = { readonly case: string | undefined; readonly value: Message }
type Fields = Readonly<Record<string, unknown>>

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export const createSync = (
  { registry, bindings, streams }: Contract,
  handle: App['handle'],
  openChannel: OpenChannel,
  errors: Errors,
  callOf: (context: HandlerContext) => Call,
  { subscriptionsMax }: SyncBounds,
  draining: AbortSignal,
) => {
  const response = messageNamed(registry, 'todos.v1.SyncResponse')
  const watchRequest = messageNamed(registry, 'todos.v1.WatchRequest')
  const watching = streams.find(({ rpc }) => rpc.input === watchRequest)
  if (!watching) throw new Error('proto/ has no RPC that watches')
  const byInput = new Map(bindings.map((one) => [one.rpc.input.typeName, one]))
  const said = (name: string, value: object): Message =>
    create(response, { message: { case: name, value: value as Message } })

  return async function* sync(
    requests: AsyncIterable<Message>,
    context: HandlerContext,
  ): AsyncGenerator<Message> {
    const { signal } = context
    const outbox = createOutbox()
    const channels = new Map<string, { close(): void }>()
    /** The last command of each todo: those of one todo are logged in the order in which they came. */
    const lines = new Map<string, Promise<void>>()
    let inFlight = 0
    let goOn = () => {}
    let ending: { readonly why: ConnectError | undefined } | undefined

    const end = (why: ConnectError | undefined) => {
      ending ??= { why }
      goOn()
      outbox.wake()
    }
    const release = () => {
      inFlight--
      goOn()
      outbox.wake()
    }
    /** The last that is said of a message: its place is free when the client was sent it. */
    const settle = (name: string, value: object) => outbox.push(said(name, value), release)

    const outcome = (commandId: string, name: string, value: object): object => ({
      commandId,
      outcome: { case: name, value },
    })

    const run = async (
      commandId: string,
      binding: Binding,
      message: Message,
      onTurn: () => void,
    ) => {
      const call = callOf(context)
      const request = requestOf(binding, message, call)
      let isApplied = false
      const reply = await handle({
        ...request,
        header(name) {
          if (name === 'idempotency-key') return commandId
          return name === 'prefer'
            ? preferWithin(`wait=${waitSecMax}`, call.remainingMs)
            : request.header(name)
        },
        progress(step) {
          if (step === 'applied') isApplied = true
          else {
            outbox.push(said('outcome', outcome(commandId, 'accepted', {})))
            onTurn()
          }
        },
      })
      return { reply, isApplied }
    }

    const outcomeOf = (
      commandId: string,
      binding: Binding,
      message: Message,
      reply: Reply,
      isApplied: boolean,
    ): object => {
      const metadata = metadataOf(reply)
      const etag = metadata.get('etag') ?? ''
      if (reply.status >= 400) {
        const why = errors.of(reply, binding, metadata)
        // It has no outcome: who calls again with a good token repeats it.
        if (why.code === Code.Unauthenticated) throw why
        const status = errors.statusOf(why)
        return reply.status === 412
          ? outcome(commandId, 'conflict', { status, etag })
          : outcome(commandId, 'refused', status)
      }
      if (reply.status === 202 && !isApplied) return outcome(commandId, 'unsettled', {})
      return outcome(commandId, 'applied', { todoId: todoIdOf(reply, message), etag })
    }

    const command = (value: Message) => {
      const { commandId, command: wanted } = value as Message & {
        readonly commandId: string
        readonly command: OneOf
      }
      const binding = wanted.case === undefined ? undefined : byInput.get(wanted.value.$typeName)
      const refuse = (field: string, text: string) => {
        const status = errors.statusOf(errors.invalid(field, text))
        settle('outcome', outcome(commandId, 'refused', status))
      }
      if (!uuid.test(commandId)) return refuse('command_id', 'command_id must be a UUID')
      if (!binding) return refuse('command', 'there is no such command')
      const message = wanted.value
      const { id = '' } = message as Message & { readonly id?: string }
      const before = lines.get(id)
      let onTurn = () => {}
      const turn = new Promise<void>((resolve) => (onTurn = resolve))
      if (id !== '') lines.set(id, turn)
      void (async () => {
        await before
        try {
          const { reply, isApplied } = await run(commandId, binding, message, onTurn)
          settle('outcome', outcomeOf(commandId, binding, message, reply, isApplied))
        } catch (error) {
          release()
          end(ConnectError.from(error, Code.Internal))
        } finally {
          onTurn()
          if (lines.get(id) === turn) lines.delete(id)
        }
      })()
    }

    const hear = async (name: string, channel: Channel) => {
      for (;;) {
        await outbox.room()
        const heard = await channel.next()
        if (!heard) return
        for (const one of heard) {
          if (one.kind !== 'ended')
            outbox.push(said(one.kind, one.kind === 'event' ? one.event : {}))
          else if (one.why.code === Code.PermissionDenied) {
            channels.delete(name)
            outbox.push(said('ended', { channel: name, status: errors.statusOf(one.why) }))
          } else end(one.why)
        }
      }
    }

    const subscribe = (value: Message) => {
      const { channel: name } = value as Message & { readonly channel: string }
      if (channels.has(name)) {
        release()
        end(errors.invalid('channel', 'the stream watches the channel already'))
        return
      }
      const ended = (why: ConnectError) =>
        settle('ended', { channel: name, status: errors.statusOf(why) })
      if (channels.size >= subscriptionsMax) {
        ended(errors.ended(Code.ResourceExhausted, 'too-many-subscriptions', tooMany))
        return
      }
      let isClosed = false
      const one = {
        close() {
          isClosed = true
        },
      }
      channels.set(name, one)
      const { since } = value as unknown as Fields
      openChannel(watching, create(watchRequest, { channel: name, since }), callOf(context)).then(
        (channel) => {
          one.close = channel.close
          if (isClosed) channel.close()
          release()
          return hear(name, channel)
        },
        (error: unknown) => {
          if (channels.get(name) === one) channels.delete(name)
          ended(ConnectError.from(error, Code.Internal))
        },
      )
    }

    const unsubscribe = (value: Message) => {
      const { channel } = value as Message & { readonly channel: string }
      channels.get(channel)?.close()
      channels.delete(channel)
      settle('ended', { channel, status: {} })
    }

    const take = (request: Message) => {
      const { message } = request as Message & { readonly message: OneOf }
      inFlight++
      switch (message.case) {
        case 'subscribe':
          return subscribe(message.value)
        case 'unsubscribe':
          return unsubscribe(message.value)
        case 'command':
          return command(message.value)
        default:
          release()
          end(errors.invalid('message', 'there is no such message'))
      }
    }

    const readAll = async () => {
      for await (const request of requests) {
        if (ending) return
        take(request)
        while (inFlight >= inFlightMax && !ending)
          await new Promise<void>((resolve) => (goOn = resolve))
      }
      end(undefined)
    }

    const closeAll = () => {
      for (const one of channels.values()) one.close()
      channels.clear()
    }
    const onAbort = () => {
      // What is in flight when the server leaves is answered; else there is nobody left, or no time.
      if (!draining.aborted) closeAll()
      end(draining.aborted ? errors.draining() : ConnectError.from(signal.reason))
      outbox.wake()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()

    try {
      yield said('welcome', { inFlightMax, subscriptionsMax })
      readAll().catch((error: unknown) => end(ConnectError.from(error)))
      const isGone = () => signal.aborted && !draining.aborted
      const isOver = () => isGone() || (ending !== undefined && inFlight === 0)
      for await (const message of outbox.messages(isOver)) yield message
    } finally {
      signal.removeEventListener('abort', onAbort)
      closeAll()
    }
    if (ending?.why) throw ending.why
  }
}

const tooMany = 'this stream watches as many channels as it may'

/** Of the todo as it is answered, or as it was asked for. */
const todoIdOf = ({ body }: Reply, message: Message): unknown => {
  const json = body.length === 0 ? {} : (JSON.parse(body.toString()) as Fields)
  return json['id'] ?? (message as unknown as Fields)['id']
}
