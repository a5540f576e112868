// RPCs of one request and one answer: each is transcoded, handled as HTTP is, and answered.

import type { Message } from '@bufbuild/protobuf'
import { createContextKey, type HandlerContext } from '@connectrpc/connect'
import type { App } from '../http/engines/engine.ts'
import type { Contract } from './contract.ts'
import { untilEnd } from './deadline.ts'
import { createErrorOf } from './errors.ts'
import { answerOf, metadataOf, requestOf } from './transcode.ts'

/** Address of the other end, as the listener has it. */
export const peerKey = createContextKey('')

export type UnaryHandler = (message: Message, context: HandlerContext) => Promise<Message>

/** By the RPC's name in full: `todos.v1.TodoService.ListTodos`. */
export const createUnaryHandlers = (
  { registry, bindings }: Contract,
  handle: App['handle'],
): ReadonlyMap<string, UnaryHandler> => {
  const errorOf = createErrorOf(registry)
  return new Map(
    bindings.map((binding) => [
      nameOf(binding.rpc),
      async (message, context) => {
        const call = {
          metadata: context.requestHeader,
          peer: context.values.get(peerKey),
          remainingMs: context.timeoutMs(),
        }
        const pending = handle(requestOf(binding, message, call))
        const reply = pending instanceof Promise ? await untilEnd(pending, context.signal) : pending
        const metadata = metadataOf(reply)
        if (reply.status >= 400) throw errorOf(reply, binding, metadata)
        for (const [name, value] of metadata) context.responseHeader.set(name, value)
        return answerOf(binding, reply, metadata)
      },
    ]),
  )
}

export const nameOf = (rpc: Contract['bindings'][number]['rpc']): string =>
  `${rpc.parent.typeName}.${rpc.name}`
