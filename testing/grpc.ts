// What tests of gRPC share: the listener with an application of the test's own, and clients that are
// not ours, @grpc/grpc-js, made from the same descriptors.

import {
  Client,
  type ChannelCredentials,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js'
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader'
import type { Test } from 'tap'
import { describedContract } from '../scripts/contract.ts'
import { freePort } from '../scripts/stack/ports.ts'
import { readContract } from '../server/grpc/contract.ts'
import { createGrpcHandler } from '../server/grpc/handler.ts'
import {
  createGrpcListener,
  type GrpcListener,
  type GrpcListenerSettings,
} from '../server/grpc/listener.ts'
import type { App } from '../server/http/engines/engine.ts'

const bytes = describedContract()
export const contract = readContract(bytes)

export const loopback = '127.0.0.1'

/** Nothing times out while a test runs. */
export const patientListener: GrpcListenerSettings = {
  tls: undefined,
  connectionsMax: 1_000,
  streamsMax: 100,
  headerBytesMax: 16_384,
  headersTimeoutMs: 30_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 30_000,
  keepAliveIntervalMs: 30_000,
  keepAliveTimeoutMs: 30_000,
  writeStallTimeoutMs: 30_000,
  unsentBytesMax: 16_000_000,
  backlog: 128,
}

/** As REST has it. */
export const todo = {
  id: 'a',
  title: 'Buy milk',
  description: '',
  completed: false,
  user_id: 'ann',
  created_at: '2026-01-31T12:00:00.000Z',
  updated_at: '2026-01-31T12:00:00.000Z',
}

export type Served = {
  readonly port: number
  readonly listener: GrpcListener
  /** As a server that leaves does. */
  drain(timeoutMs: number): Promise<void>
}

/** `handle` behind the port of gRPC. */
export const serveGrpc = async (
  t: Test,
  handle: App['handle'],
  settings: Partial<GrpcListenerSettings> = {},
): Promise<Served> => {
  const draining = new AbortController()
  const bounds = { messageBytesMax: 65_536, subscriptionsMax: 100, reconnectSpreadMs: 100 }
  const handler = createGrpcHandler(contract, handle, bounds, draining.signal)
  const listener = createGrpcListener({ ...patientListener, ...settings }, handler)
  const port = await freePort()
  await listener.listen(loopback, port)
  const drain = (timeoutMs: number) => {
    draining.abort()
    return listener.drain(timeoutMs)
  }
  t.teardown(() => drain(100))
  return { port, listener, drain }
}

/** A message of grpc-js: as proto/ names its fields. */
export type Fields = Readonly<Record<string, unknown>>
export type Outcome =
  | { readonly kind: 'ok'; readonly message: Fields; readonly metadata: Metadata }
  | { readonly kind: 'error'; readonly error: ServiceError }

export type Call = (
  rpc: string,
  message?: Fields,
  options?: {
    readonly metadata?: Readonly<Record<string, string>>
    readonly deadlineMs?: number
  },
) => Promise<Outcome>

export const definitions = loadFileDescriptorSetFromBuffer(bytes, {
  keepCase: true,
  defaults: true,
  longs: Number,
  enums: String,
  oneofs: true,
})

export const method = (rpc: string): MethodDefinition<Fields, Fields> => {
  const [service = '', name = ''] = rpc.split('/')
  const methods = definitions[service] as Readonly<Record<string, MethodDefinition<Fields, Fields>>>
  const found = methods[name]
  if (!found) throw new Error(`proto/ has no ${rpc}`)
  return found
}

/** Calls by the name in full: `todos.v1.TodoService/ListTodos`. */
export const grpcClient = (
  t: Test,
  port: number,
  security: ChannelCredentials = credentials.createInsecure(),
): Call => {
  const client = new Client(`${loopback}:${port}`, security)
  t.teardown(() => client.close())
  return (rpc, message = {}, { metadata = {}, deadlineMs } = {}) => {
    const definition = method(rpc)
    const sent = new Metadata()
    for (const [key, value] of Object.entries(metadata)) sent.set(key, value)
    return new Promise((resolve) => {
      let received = new Metadata()
      client
        .makeUnaryRequest(
          definition.path,
          definition.requestSerialize,
          definition.responseDeserialize,
          message,
          sent,
          deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs },
          (error, value) =>
            resolve(
              error
                ? { kind: 'error', error }
                : { kind: 'ok', message: value as Fields, metadata: received },
            ),
        )
        .on('metadata', (given: Metadata) => (received = given))
    })
  }
}
