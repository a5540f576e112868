// RPCs with one request and a stream of answers: a channel, as it is heard.

import { create, type Message } from '@bufbuild/protobuf'
import type { HandlerContext } from '@connectrpc/connect'
import type { OpenChannel } from './channel.ts'
import type { Binding } from './contract.ts'
import type { Errors } from './errors.ts'
import type { Call } from './transcode.ts'

export const createWatch = (
  binding: Binding,
  openChannel: OpenChannel,
  errors: Errors,
  callOf: (context: HandlerContext) => Call,
) =>
  async function* watch(message: Message, context: HandlerContext): AsyncGenerator<Message> {
    const { signal } = context
    const channel = await openChannel(binding, message, callOf(context))
    // Also while a client that reads nothing keeps us from going on.
    const close = () => channel.close()
    signal.addEventListener('abort', close, { once: true })
    if (signal.aborted) close()
    for (const [name, value] of channel.metadata) context.responseHeader.set(name, value)
    const { output } = binding.rpc
    try {
      for (;;) {
        const heard = await channel.next()
        if (!heard) break
        for (const one of heard) {
          if (one.kind === 'ended') throw one.why
          const value = one.kind === 'event' ? one.event : {}
          yield create(output, { message: { case: one.kind, value } })
        }
      }
    } finally {
      signal.removeEventListener('abort', close)
      close()
    }
    throw signal.aborted ? (signal.reason as Error) : errors.unread()
  }
