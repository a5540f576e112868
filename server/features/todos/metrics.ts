// What is counted of the commands that are handed to the log.

import { Counter, Histogram, type Registry } from '@prometheus-io/client'
import type { CommandPublisher } from '../../../lib/command-log/command-log.ts'
import { addGauge, durationBuckets } from '../../../lib/runtime/metrics.ts'
import { refusalCauses } from '../../../lib/runtime/micro-batch.ts'

/** The same publisher, watched. */
export const addPublishMetrics = (
  registry: Registry,
  publisher: CommandPublisher,
): CommandPublisher => {
  const durations = new Histogram({
    name: 'todos_publish_duration_seconds',
    help: 'Time from publishing a command to its outcome: acknowledged, refused (certainly not in the log) or unknown.',
    labelNames: ['outcome'],
    buckets: durationBuckets,
    registers: [registry],
  })
  for (const outcome of ['acknowledged', 'refused', 'unknown']) durations.zero({ outcome })
  const refused = new Counter({
    name: 'todos_publish_refused_total',
    help: 'Commands refused with a 503 (too-large: a 413) and certainly not in the log, by cause.',
    labelNames: ['cause'],
    registers: [registry],
  })
  for (const cause of refusalCauses) refused.inc({ cause }, 0)
  addGauge(
    registry,
    {
      name: 'todos_publish_queue_commands',
      help: 'Commands waiting to be sent to the log or for its acknowledgement. The bound is PUBLISH_QUEUE_MAX in each process.',
    },
    () => [[{}, publisher.pending()]],
  )
  return {
    ...publisher,
    async publish(command, traceparent) {
      const startedMs = performance.now()
      const outcome = await publisher.publish(command, traceparent)
      durations.observe({ outcome: outcome.kind }, (performance.now() - startedMs) / 1_000)
      if (outcome.kind === 'refused') refused.inc({ cause: outcome.cause })
      return outcome
    },
  }
}
