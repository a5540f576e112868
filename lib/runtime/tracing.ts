// Traces, as those who are traced see them. Who composes a process opens them (lib/drivers/otel/) and wraps
// what is to be traced. Where nothing is traced nothing is wrapped, and none of this is called.

import type { Registry } from '@prometheus-io/client'
import { addCounter } from './metrics.ts'

export type Attributes = Readonly<Record<string, string | number | string[]>>

export type Span = {
  /** W3C Trace Context: what goes on in another process begins with it. Undefined: it is not sampled. */
  readonly traceparent: string | undefined
  rename(name: string): void
  set(attributes: Attributes): void
  /** `error`: what went wrong, one of few words. */
  end(error?: string): void
}

export type SpanStart = {
  readonly name: string
  readonly kind: 'server' | 'producer' | 'consumer' | 'internal'
  readonly attributes: Attributes
  /** The `traceparent` that it goes on from; without one a trace begins. */
  readonly parent?: string | undefined
  /** Others that it belongs to. */
  readonly links?: readonly string[]
}

export type Tracing = {
  start(span: SpanStart): Span
  /** What `work` does, and all that it awaits, has `span` as its active one. */
  within<T>(span: Span, work: () => T): T
  active(): Span | undefined
  /** Sends what waits to be sent, in bounded time. */
  close(): Promise<void>
}

/** Spans by what became of them, so far. */
export type TraceCounts = { exported: number; full: number; failed: number }
export const createTraceCounts = (): TraceCounts => ({ exported: 0, full: 0, failed: 0 })

export const addTraceMetrics = (registry: Registry, counts: Readonly<TraceCounts>): void =>
  addCounter(
    registry,
    {
      name: 'todos_trace_spans_total',
      help: 'Spans of traces: exported; dropped because the queue was full; dropped because the collector failed.',
      labelNames: ['result'],
    },
    () => [
      [{ result: 'exported' }, counts.exported],
      [{ result: 'queue-full' }, counts.full],
      [{ result: 'export-failed' }, counts.failed],
    ],
  )

/** What OpenTelemetry calls the command log, by COMMAND_LOG. */
export const messagingSystemOf = (commandLog: string): string =>
  commandLog === 'postgres' ? 'postgresql' : commandLog

/** Whether the trace is recorded: its flags' lowest bit. */
export const isSampled = (traceparent: string): boolean =>
  /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f][13579bdf](-|$)/.test(traceparent)
