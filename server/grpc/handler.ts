// What the listener's requests are given to: gRPC, gRPC-Web and Connect, for every RPC that is served.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { DescMethod, DescService, Message } from '@bufbuild/protobuf'
import {
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type MethodImpl,
} from '@connectrpc/connect'
import {
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node'
import type { App } from '../http/engines/engine.ts'
import { createOpenChannel } from './channel.ts'
import type { Contract } from './contract.ts'
import { untilEnd } from './deadline.ts'
import { createDirect } from './direct.ts'
import { createErrors } from './errors.ts'
import { createHealth } from './health.ts'
import { createReflection } from './reflection.ts'
import { createSync } from './sync.ts'
import { resetWhenStalled } from './stalled.ts'
import type { Call } from './transcode.ts'
import { createUnaryHandlers, pathOf, type UnaryHandler } from './unary.ts'
import { createWatch } from './watch.ts'

export type GrpcRequest = IncomingMessage | Http2ServerRequest
export type GrpcResponse = ServerResponse | Http2ServerResponse
export type GrpcHandler = (request: GrpcRequest, response: GrpcResponse) => void

/** By the name of an RPC in its service, with a small letter first. */
type Implementation = Readonly<Record<string, unknown>>

export type GrpcBounds = {
  readonly messageBytesMax: number
  /** Channels that one Sync may watch. */
  readonly subscriptionsMax: number
  /** Streams that end with the server call again after a random time of up to this. */
  readonly reconnectSpreadMs: number
}

export const createGrpcHandler = (
  contract: Contract,
  handle: App['handle'],
  bounds: GrpcBounds,
  draining: AbortSignal,
): GrpcHandler => {
  const { registry, services, streams } = contract
  const errors = createErrors(registry, bounds.reconnectSpreadMs)
  const unary = createUnaryHandlers(contract, handle, errors)
  const openChannel = createOpenChannel(contract, handle, errors)
  const watches = new Map(
    streams.map((one) => [one.rpc, createWatch(one, openChannel, errors, callOf)]),
  )
  const isOurs = ({ methods }: DescService) =>
    methods.some((rpc) => unary.has(pathOf(rpc)) || watches.has(rpc))
  const ours = services.filter(isOurs)
  const reflection = createReflection(registry, [
    ...ours.map(({ typeName }) => typeName),
    healthName,
    ...reflectionNames,
  ])
  const standard: Readonly<Record<string, Implementation>> = {
    [healthName]: createHealth(ours, handle),
    ...Object.fromEntries(reflectionNames.map((name) => [name, reflection])),
    [liveName]: {
      sync: createSync(contract, handle, openChannel, errors, callOf, bounds, draining),
    },
  }
  /** What is in flight is answered; what would go on for ever ends when the server drains. */
  const ends = ({ methodKind }: DescMethod) =>
    methodKind === 'unary' ? {} : { shutdownSignal: draining }

  const router = createConnectRouter({
    readMaxBytes: bounds.messageBytesMax,
    // What is unpacked may be a thousand times as large, and our HTTP takes no compressed bodies either.
    acceptCompression: [],
    // The JSON of Connect is that of the HTTP API, and names the types of error details.
    jsonOptions: { registry, useProtoFieldName: true, alwaysEmitImplicit: true },
  })
  for (const { typeName, methods } of services) {
    for (const rpc of methods) {
      const handler = unary.get(pathOf(rpc))
      const implementation = handler
        ? byConnect(handler)
        : (watches.get(rpc) ?? standard[typeName]?.[rpc.localName])
      // Its messages are what its descriptor says: nothing is generated that TypeScript could read.
      if (implementation) router.rpc(rpc, implementation as MethodImpl<DescMethod>, ends(rpc))
    }
  }
  const byPath = new Map(router.handlers.map((one) => [one.requestPath, one]))

  const direct = createDirect(contract, unary, bounds.messageBytesMax)

  return (request, response) => {
    if (direct(request, response)) return
    const serve = byPath.get(request.url?.split('?', 1)[0] ?? '')
    if (!serve) {
      // gRPC's clients take it for UNIMPLEMENTED.
      response.statusCode = 404
      response.end()
      return
    }
    if (serve.method.methodKind !== 'unary') resetWhenStalled(response, draining)
    const peer = request.socket.remoteAddress ?? ''
    const values = createContextValues().set(peerKey, peer)
    // What goes wrong from here on is the connection: there is nobody left to tell.
    serve(universalRequestFromNodeRequest(request, response, undefined, values))
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch(() => {})
  }
}

/** Address of the other end, as the listener has it. */
const peerKey = createContextKey('')

const byConnect =
  (handler: UnaryHandler) =>
  async (message: Message, context: HandlerContext): Promise<Message> => {
    const { responseHeader, signal } = context
    const answered = await untilEnd(handler(message, callOf(context)), signal)
    for (const [name, value] of answered.metadata) responseHeader.set(name, value)
    return answered.message
  }

const callOf = (context: HandlerContext): Call => ({
  metadata: (name) => context.requestHeader.get(name) ?? undefined,
  peer: context.values.get(peerKey),
  remainingMs: context.timeoutMs(),
})

const liveName = 'todos.v1.LiveService'
const healthName = 'grpc.health.v1.Health'
const reflectionNames = [
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
] as const
