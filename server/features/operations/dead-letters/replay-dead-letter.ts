// POST /api/admin/dead-letters/:id/replay: its record goes into the log again.

import { withoutBody } from '../../../http/contract/answer.ts'
import { endpoint } from '../../../http/contract/endpoint.ts'
import { Problem, orProblem, unavailable, type ProblemKind } from '../../../http/problem.ts'
import {
  letterId,
  lettersUnavailable,
  noSuchLetter,
  path,
  tag,
  type DeadLetterParts,
} from './vocabulary.ts'

const unreadable: ProblemKind = {
  type: {
    slug: 'dead-letter-is-no-command',
    status: 409,
    when: 'The record is no command that this release knows, so to publish it again would make another dead letter.',
    remedy:
      'Update all workers and servers, where its schema is of a later release. `npm run dead-letters -- replay ID --record` publishes a repaired record in its place. Else discard it.',
  },
  detail: 'the record is no command that this release knows',
}
const unacknowledged = unavailable(
  {
    slug: 'replay-unacknowledged',
    when: 'The log did not acknowledge the command, so the letter stays.',
    remedy: 'Wait for `Retry-After`, then replay it again: it applies once.',
  },
  'the log did not acknowledge the command',
)

export const replayDeadLetter = ({ letterChanges }: DeadLetterParts) =>
  endpoint({
    method: 'POST',
    path: `${path}/:id/replay`,
    operationId: 'replayDeadLetter',
    summary: 'Replay a dead letter',
    description:
      'It applies now, after whatever came since, and once: its command id is kept. What can not be applied again becomes a new letter.',
    tag,
    auth: 'system-admin',
    limit: 'user',
    params: { id: letterId },
    responses: [{ status: 204, description: 'The log has the command; the letter is gone.' }],
    problems: [noSuchLetter, unreadable, unacknowledged, lettersUnavailable],
    async handler({ principal, requestId, params: { id } }) {
      const by = { actorId: principal.userId, requestId }
      const replay = await letterChanges.replay(id, by).catch(orProblem(lettersUnavailable))
      switch (replay?.kind) {
        case undefined:
          throw new Problem(noSuchLetter)
        case 'unreadable':
        case 'applied-before':
          throw new Problem(unreadable)
        case 'unacknowledged':
          throw new Problem(unacknowledged, { cause: new Error(replay.reason) })
        case 'replayed':
          return withoutBody(204)
      }
    },
  })
