// A publisher with a span for each command of a request that is traced: what it took to have the log's
// acknowledgement. The command takes the trace along, to whoever applies it.

import type { CommandPublisher } from '../../../lib/command-log/command-log.ts'
import type { Tracing } from '../../../lib/runtime/tracing.ts'

export const tracePublishing = (
  tracing: Tracing,
  publisher: CommandPublisher,
  log: { readonly system: string; readonly name: string },
): CommandPublisher => ({
  ...publisher,
  async publish(command) {
    const parent = tracing.active()?.traceparent
    if (parent === undefined) return publisher.publish(command)
    const span = tracing.start({
      name: `send ${log.name}`,
      kind: 'producer',
      attributes: {
        'messaging.system': log.system,
        'messaging.destination.name': log.name,
        'messaging.operation.name': 'send',
        'messaging.operation.type': 'send',
        'messaging.message.id': command.commandId,
        'todos.command.kind': command.kind,
      },
      parent,
    })
    const outcome = await publisher.publish(command, span.traceparent)
    span.end(outcome.kind === 'refused' ? outcome.cause : failure[outcome.kind])
    return outcome
  },
})

const failure = { acknowledged: undefined, unknown: 'unknown' } as const
