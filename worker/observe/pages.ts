// The worker's port for those who watch: /metrics for Prometheus, /health for probes.

import { Registry } from '@prometheus-io/client'
import type { Config } from '../../lib/runtime/config/config.ts'
import type { Log } from '../../lib/runtime/log.ts'
import { servePages, type Page } from '../../lib/runtime/metrics-server.ts'

/** Resolves with the port, undefined when there is to be none. Rejects with one line for the operator. */
export const openPages = async (
  config: Config,
  registry: Registry,
  health: (isLiveness: boolean) => Page,
  log: Log,
): Promise<number | undefined> => {
  if (config.WORKER_METRICS_PORT === 'off') return undefined
  const port = await servePages(
    { host: config.HTTP_HOST, port: config.WORKER_METRICS_PORT, setting: 'WORKER_METRICS_PORT' },
    {
      '/metrics': async () => ({
        status: 200,
        contentType: Registry.PROMETHEUS_CONTENT_TYPE,
        body: await registry.metrics(),
      }),
      '/health': ({ probe }) => health(probe === 'liveness'),
    },
  )
  log.info({ port }, 'metrics at /metrics, health at /health')
  return port
}
