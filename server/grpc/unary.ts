// RPCs of one request and one answer: each is transcoded, handled as HTTP is, and answered.

import type { Message } from '@bufbuild/protobuf'
import type { App } from '../http/engines/engine.ts'
import type { Binding, Contract } from './contract.ts'
import type { Errors } from './errors.ts'
import { answerOf, metadataOf, requestOf, type Call, type Metadata } from './transcode.ts'

export type Answered = { readonly message: Message; readonly metadata: Metadata }

/** Rejects with the ConnectError that says how it was refused. */
export type UnaryHandler = (message: Message, call: Call) => Promise<Answered>

/** By the RPC's path: `/todos.v1.TodoService/ListTodos`. */
export const createUnaryHandlers = (
  { bindings }: Contract,
  handle: App['handle'],
  errors: Errors,
): ReadonlyMap<string, UnaryHandler> => {
  return new Map(
    bindings.map((binding) => [
      pathOf(binding.rpc),
      async (message, call) => {
        const reply = await handle(requestOf(binding, message, call))
        const metadata = metadataOf(reply)
        if (reply.status >= 400) throw errors.of(reply, binding, metadata)
        return { message: answerOf(binding, reply, metadata), metadata }
      },
    ]),
  )
}

export const pathOf = ({ parent, name }: Binding['rpc']): string => `/${parent.typeName}/${name}`
