// A collector that fails, or is slow: what waits is bounded, what is dropped is counted, and the log has one
// line of it.

import { setImmediate } from 'node:timers/promises'
import { ExportResultCode } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import { pino } from 'pino'
import t from 'tap'
import { createTraceCounts } from '../../runtime/tracing.ts'
import { createBoundedProcessor } from './bounded-export.ts'

const { SUCCESS, FAILED } = ExportResultCode

const setUp = () => {
  const lines: { level: number; msg: string }[] = []
  const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line) as never) })
  const counts = createTraceCounts()
  const sent: { many: number; done: Parameters<SpanExporter['export']>[1] }[] = []
  const exporter: SpanExporter = {
    export: (spans, done) => void sent.push({ many: spans.length, done }),
    shutdown: () => Promise.resolve(),
  }
  const processor = createBoundedProcessor(exporter, counts, log)
  const span = { spanContext: () => ({ traceFlags: 1 }), resource: {} } as ReadableSpan
  const end = (many: number) => {
    for (let i = 0; i < many; i++) processor.onEnd(span)
  }
  return { lines, counts, sent, processor, end }
}

t.test('as many wait as may, the others are dropped and counted', async (t) => {
  const { counts, sent, processor, end } = setUp()
  end(3_000)
  t.match(sent, [{ many: 512 }], 'one request at a time')
  t.same(counts, { exported: 0, full: 3_000 - 2_048, failed: 0 })
  sent[0]?.done({ code: SUCCESS })
  end(512)
  t.same(counts, { exported: 512, full: 3_000 - 2_048, failed: 0 }, 'there is room again')
  const closed = processor.shutdown()
  await setImmediate() // it sends the rest
  for (const { done } of sent.slice(1)) done({ code: SUCCESS })
  await closed
  t.equal(counts.exported, 2_048 + 512)
})

t.test('a collector that fails is one line, and so is one that is back', async (t) => {
  const { counts, sent, lines, processor, end } = setUp()
  for (const code of [FAILED, FAILED, SUCCESS, SUCCESS]) {
    end(10)
    const flushed = processor.forceFlush()
    sent.at(-1)?.done({ code, ...(code === FAILED && { error: new Error('ECONNREFUSED') }) })
    await flushed
  }
  t.same(counts, { exported: 20, full: 0, failed: 20 })
  t.match(lines, [
    { level: 40, reason: 'ECONNREFUSED', msg: 'traces are not exported, spans are dropped' },
    { level: 30, msg: 'traces are exported again' },
  ])
  t.equal(lines.length, 2)
})
