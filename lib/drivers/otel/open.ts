// Opens traces where the settings ask for them. OpenTelemetry's SDK is loaded only then.

import type { Config } from '../../runtime/config/config.ts'
import type { Log } from '../../runtime/log.ts'
import type { TraceCounts, Tracing } from '../../runtime/tracing.ts'

/** `service`: what it is called, unless OTEL_SERVICE_NAME says otherwise. Undefined: nothing is traced. */
export const openTracing = async (
  config: Config,
  service: string,
  counts: TraceCounts,
  log: Log,
): Promise<Tracing | undefined> => {
  if (!config.OTEL_EXPORTER_OTLP_ENDPOINT || config.OTEL_SDK_DISABLED === 'true') return undefined
  const { createTracing } = await import('./tracing.ts')
  return createTracing(
    {
      service,
      sampler: config.OTEL_TRACES_SAMPLER,
      share: config.OTEL_TRACES_SAMPLER_ARG,
    },
    counts,
    log,
  )
}
