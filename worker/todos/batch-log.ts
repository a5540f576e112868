// What a batch leaves in the log: each command at debug level; at warn level, in one line of bounded
// length, those that had no effect or never can. Their request ids are those that clients got.

import type { Log } from '../../lib/runtime/log.ts'
import type { AppliedBatch } from './apply.ts'

/** A client can have a thousand commands refused in one batch: no more of them than this are logged. */
const loggedMax = 10

export const logBatch = ({ partition, effects, letters }: AppliedBatch, log: Log): void => {
  if (log.isLevelEnabled('debug')) {
    for (const { command, outcome } of effects) {
      log.debug({ partition, ...idsOf(command), outcome }, 'command')
    }
  }
  const refused = effects.filter(({ outcome }) => outcome !== 'applied')
  if (refused.length > 0) {
    const commands = refused
      .slice(0, loggedMax)
      .map(({ command, outcome }) => ({ ...idsOf(command), outcome }))
    log.warn({ partition, refused: refused.length, commands }, 'commands had no effect')
  }
  if (letters.length > 0) {
    const records = letters.slice(0, loggedMax).map(({ offset, reason, command, requestId }) => ({
      offset,
      reason,
      request_id: requestId,
      ...(command && idsOf(command)),
    }))
    log.warn(
      { partition, dead_letters: letters.length, records },
      'commands that can never apply: see npm run dead-letters',
    )
  }
}

const idsOf = ({
  requestId,
  commandId,
  todoId,
  kind,
}: AppliedBatch['effects'][number]['command']) => ({
  request_id: requestId,
  commandId,
  todoId,
  kind,
})
