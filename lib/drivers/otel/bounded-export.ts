// What stands between spans and their collector: at most so many wait, and what is dropped is counted. The
// SDK counts neither where we could read it, and hands each failure to a global handler.

import { ExportResultCode } from '@opentelemetry/core'
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace'
import type { Log } from '../../runtime/log.ts'
import type { TraceCounts } from '../../runtime/tracing.ts'

/** Spans that wait or are being sent: some 2 MB. The default of OpenTelemetry. */
const queueMax = 2_048
/** Spans in one request to the collector, and how long they wait for others. OpenTelemetry's, too. */
const batchMax = 512
const delayMs = 5_000

export const createBoundedProcessor = (
  exporter: SpanExporter,
  counts: TraceCounts,
  log: Log,
): SpanProcessor => {
  let pending = 0
  let isFailing = false

  const onResult = (many: number, error: Error | undefined, isDone: boolean) => {
    pending -= many
    if (isDone) counts.exported += many
    else counts.failed += many
    if (isFailing === !isDone) return
    isFailing = !isDone
    if (isDone) log.info('traces are exported again')
    else log.warn({ reason: error?.message }, 'traces are not exported, spans are dropped')
  }

  const watched: SpanExporter = {
    export(spans: ReadableSpan[], done) {
      exporter.export(spans, ({ code, error }) => {
        onResult(spans.length, error, code === ExportResultCode.SUCCESS)
        done({ code: ExportResultCode.SUCCESS })
      })
    },
    shutdown: () => exporter.shutdown(),
  }
  const batches = new BatchSpanProcessor({
    exporter: watched,
    // Never reached: it is counted here.
    maxQueueSize: queueMax,
    maxExportBatchSize: batchMax,
    scheduledDelayMillis: delayMs,
  })

  return {
    onStart() {},
    onEnd(span) {
      if (pending >= queueMax) {
        counts.full++
        return
      }
      pending++
      batches.onEnd(span)
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  }
}
