// Traces by OpenTelemetry, sent as OTLP over HTTP. Nothing global is registered: what is traced is handed
// its tracing, and no library of ours is patched.

import { AsyncLocalStorage } from 'node:async_hooks'
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  isSpanContextValid,
  trace,
  type SpanContext,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type Sampler,
} from '@opentelemetry/sdk-trace'
import type { Config } from '../../runtime/config/config.ts'
import { withTimeout } from '../../runtime/deadline.ts'
import type { Log } from '../../runtime/log.ts'
import type { Span, TraceCounts, Tracing } from '../../runtime/tracing.ts'
import { version } from '../../runtime/version.ts'
import { createBoundedProcessor } from './bounded-export.ts'

/** For a collector that answers; one that does not must not keep a process from ending. */
const closeTimeoutMs = 500

type SamplerName = Config['OTEL_TRACES_SAMPLER']

export const createTracing = (
  settings: { readonly service: string; readonly sampler: SamplerName; readonly share: number },
  counts: TraceCounts,
  log: Log,
): Tracing => {
  const named = resourceFromAttributes({
    'service.name': settings.service,
    'service.version': version,
    'process.pid': process.pid,
  })
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(named)
      .merge(
        detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }),
      ),
    sampler: samplerOf(settings.sampler, settings.share),
    spanProcessors: [createBoundedProcessor(new OTLPTraceExporter(), counts, log)],
  })
  const tracer = provider.getTracer('todos', version)
  const activeSpan = new AsyncLocalStorage<Span>()

  return {
    start({ name, kind, attributes, parent, links = [] }) {
      const context = parent === undefined ? undefined : contextOf(parent)
      const span = tracer.startSpan(
        name,
        {
          kind: kinds[kind],
          attributes,
          links: links.flatMap((one) => {
            const context = contextOf(one)
            return context ? { context } : []
          }),
        },
        context ? trace.setSpanContext(ROOT_CONTEXT, context) : ROOT_CONTEXT,
      )
      return {
        traceparent: traceparentOf(span.spanContext()),
        rename: (to) => void span.updateName(to),
        set: (more) => void span.setAttributes(more),
        end(error) {
          if (error !== undefined) {
            span.setAttribute('error.type', error)
            span.setStatus({ code: SpanStatusCode.ERROR })
          }
          span.end()
        },
      }
    },
    within: (span, work) => activeSpan.run(span, work),
    active: () => activeSpan.getStore(),
    close: () => withTimeout(closeTimeoutMs, () => provider.shutdown()).catch(() => {}),
  }
}

const kinds = {
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const

/** W3C Trace Context section 3.2; what is not by it is as if it were not there. */
const contextOf = (traceparent: string): SpanContext | undefined => {
  const [, head, traceId = '', spanId = '', flags = ''] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/.exec(traceparent) ?? []
  const context = { traceId, spanId, traceFlags: parseInt(flags, 16) & 1, isRemote: true }
  return head !== undefined && head !== 'ff' && isSpanContextValid(context) ? context : undefined
}

const traceparentOf = ({ traceId, spanId, traceFlags }: SpanContext): string | undefined =>
  traceFlags & TraceFlags.SAMPLED ? `00-${traceId}-${spanId}-01` : undefined

const samplerOf = (name: SamplerName, share: number): Sampler => {
  const root = name.endsWith('always_on')
    ? new AlwaysOnSampler()
    : name.endsWith('always_off')
      ? new AlwaysOffSampler()
      : new TraceIdRatioBasedSampler(share)
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root
}
