// Chooses the engine by configuration: one place. An engine that is not used is not loaded.

import type { Config } from '../../../lib/runtime/config/config.ts'
import { listMemory } from '../../../lib/runtime/config/list-memory.ts'
import type { Log } from '../../../lib/runtime/log.ts'
import type { App, Engine, EngineSettings } from './engine.ts'
import { ticketKeysHanded } from './ticket-keys.ts'
import { createNodeEngine } from './node/node-http.ts'

/** It does not listen yet. */
export const openEngine = async (config: Config, app: App, log: Log): Promise<Engine> => {
  const memory = listMemory(config)
  const settings: EngineSettings = {
    headersTimeoutMs: config.HTTP_HEADERS_TIMEOUT_MS,
    requestTimeoutMs: config.HTTP_REQUEST_TIMEOUT_MS,
    keepAliveTimeoutMs: config.HTTP_KEEP_ALIVE_TIMEOUT_MS,
    writeStallTimeoutMs: config.HTTP_WRITE_STALL_TIMEOUT_MS,
    headerBytesMax: config.HTTP_HEADER_BYTES_MAX,
    connectionsMax: Math.ceil(config.HTTP_CONNECTIONS_MAX / config.HTTP_PROCESSES),
    backlog: config.HTTP_BACKLOG,
    pipelineMax: config.HTTP_PIPELINE_MAX,
    pendingMax: config.HTTP_PENDING_MAX,
    unsentBytesMax: memory.unsentBytesMax,
    wireBytesMax: memory.wireBytesMax,
    tls:
      config.HTTP_TLS_CERT_FILE === ''
        ? undefined
        : {
            certFile: config.HTTP_TLS_CERT_FILE,
            keyFile: config.HTTP_TLS_KEY_FILE,
            ticketKeys: ticketKeysHanded(),
          },
  }
  if (config.HTTP_ENGINE === 'node') return createNodeEngine(app, settings)
  const { createUwsEngine } = await import('./uws/uws.ts')
  return createUwsEngine(app, settings, log)
}
