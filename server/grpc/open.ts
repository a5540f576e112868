// gRPC by configuration. Loaded only where it is on: what is off costs nothing.

import { readFileSync } from 'node:fs'
import { Code, ConnectError } from '@connectrpc/connect'
import type { Config } from '../../lib/runtime/config/config.ts'
import { listMemory } from '../../lib/runtime/config/list-memory.ts'
import type { Cors } from '../http/cors.ts'
import type { App, BoundSocket } from '../http/engines/engine.ts'
import { withBrowsers } from './browsers.ts'
import { readContract } from './contract.ts'
import { createGrpcHandler } from './handler.ts'
import { createGrpcListener } from './listener.ts'

export type Grpc = {
  listen(sockets: readonly BoundSocket[]): Promise<void>
  drain(): Promise<void>
  connections(): number
}

/** `handle`: where each call goes, as the request that it is the same as. It does not listen yet. */
export const openGrpc = (config: Config, handle: App['handle'], cors: Cors): Grpc => {
  const contract = readContract(descriptors())
  const draining = new AbortController()
  const handler = createGrpcHandler(
    contract,
    handle,
    {
      messageBytesMax: config.GRPC_MESSAGE_BYTES_MAX,
      subscriptionsMax: config.LIVE_SUBSCRIPTIONS_MAX,
      reconnectSpreadMs: config.LIVE_RECONNECT_SPREAD_MS,
    },
    draining.signal,
  )
  const listener = createGrpcListener(settingsOf(config), withBrowsers(cors, handler))
  return {
    listen: (sockets) => listener.listen(config.HTTP_HOST, Number(config.GRPC_PORT), sockets),
    drain() {
      draining.abort(new ConnectError('the server is draining: connect again', Code.Unavailable))
      return listener.drain(config.HTTP_DRAIN_TIMEOUT_MS)
    },
    connections: listener.connections,
  }
}

const descriptors = (): Buffer => {
  try {
    return readFileSync(new URL('../../proto/todos.binpb', import.meta.url))
  } catch (error) {
    throw new Error('GRPC_PORT is set, and proto/todos.binpb is not built: npm run build:proto', {
      cause: error,
    })
  }
}

const settingsOf = (config: Config) => ({
  tls:
    config.GRPC_TLS_CERT_FILE === ''
      ? undefined
      : {
          cert: readFileSync(config.GRPC_TLS_CERT_FILE),
          key: readFileSync(config.GRPC_TLS_KEY_FILE),
        },
  connectionsMax: Math.ceil(config.GRPC_CONNECTIONS_MAX / config.HTTP_PROCESSES),
  streamsMax: config.GRPC_STREAMS_MAX,
  headerBytesMax: config.GRPC_HEADER_BYTES_MAX,
  idleTimeoutMs: config.GRPC_IDLE_TIMEOUT_MS,
  keepAliveIntervalMs: config.GRPC_KEEP_ALIVE_INTERVAL_MS,
  keepAliveTimeoutMs: config.GRPC_KEEP_ALIVE_TIMEOUT_MS,
  headersTimeoutMs: config.HTTP_HEADERS_TIMEOUT_MS,
  requestTimeoutMs: config.HTTP_REQUEST_TIMEOUT_MS,
  writeStallTimeoutMs: config.HTTP_WRITE_STALL_TIMEOUT_MS,
  unsentBytesMax: listMemory(config).unsentBytesMax,
  backlog: config.HTTP_BACKLOG,
})
