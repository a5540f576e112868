// How reads of todos and writes to them are refused: each text once, for the answer, for the document
// and for the page that its type leads to.

import type { RefusalCause } from '../../../lib/runtime/micro-batch.ts'
import { unavailable, type ProblemKind } from '../../http/problem.ts'
import { unknownTeam } from '../../identity/team-access.ts'
import { etagIfKnown, waited, waitedIfAsked } from '../../http/response-headers.ts'

export const noSuchTodo: ProblemKind = {
  type: {
    slug: 'no-such-todo',
    status: 404,
    when: 'No such todo.',
    remedy:
      "Check the id: the todo may be deleted, or not be created yet. Another user's personal todo is answered in the same way.",
  },
  detail: 'no such todo',
}
/** The same of what came of a write, which may have been waited for. */
export const nothingWritten: ProblemKind = { ...noSuchTodo, headers: [waitedIfAsked] }
/** What came of a creation by somebody whose membership has ended meanwhile. */
export const notInTeam: ProblemKind = { ...unknownTeam, headers: [waitedIfAsked] }
export const anothers: ProblemKind = {
  type: {
    slug: 'not-your-todo',
    status: 403,
    when: "With `Prefer: wait`: the todo is another user's.",
    remedy: 'Only the owner of a public todo writes to it: use the token of its owner.',
  },
  detail: "the todo is another user's",
  headers: [waited],
}
/** As it was accepted, or as it was applied. */
export const notAMember: ProblemKind = {
  type: {
    slug: 'assignee-not-a-member',
    status: 422,
    when: 'The todo is to be assigned to somebody who is not in the team, so nothing was written.',
    remedy: 'Read `GET /api/teams/{id}/members`: it has the ids of those who are.',
  },
  detail: 'assignee_id must be the user_id of a member of the team',
  field: 'assignee_id',
  headers: [waitedIfAsked],
}
export const notAnEditor: ProblemKind = {
  type: {
    slug: 'not-allowed-with-todo',
    status: 403,
    when: 'The todo is shared with you, but not for this: a viewer changes nothing, and only the owner deletes it.',
    remedy: 'Ask its owner for the role of an editor, or to delete it.',
  },
  detail: 'the todo is shared with you, but not for this',
  headers: [waitedIfAsked],
}
export const idInUse: ProblemKind = {
  type: {
    slug: 'todo-id-in-use',
    status: 409,
    when: 'A todo with this id already exists.',
    remedy: 'Read it: an earlier try may have made it. Else use another `Idempotency-Key`.',
  },
  detail: 'a todo with this id already exists',
  headers: [waitedIfAsked],
}
export const changedMeanwhile: ProblemKind = {
  type: {
    slug: 'todo-changed',
    status: 412,
    when: 'The todo is not at a version that `If-Match` names: `ETag` says at which it is now.',
    remedy: 'Read the todo, make the change to what it is now, and send its new `ETag`.',
  },
  detail: 'the todo is not, or no longer, at a version that If-Match names',
  field: 'If-Match',
  headers: [etagIfKnown, waitedIfAsked],
}
export const ifMatchRequired: ProblemKind = {
  type: {
    slug: 'if-match-required',
    status: 428,
    when: 'Without `If-Match`, where the setting `WRITE_IF_MATCH` asks for it.',
    remedy: 'Read the todo, and send its `ETag` as `If-Match`.',
  },
  detail: "send If-Match with the ETag of the todo, so that nobody else's change is overwritten",
  field: 'If-Match',
}
/** Accepted, nobody would learn whether it matched. */
export const ifMatchUnseen: ProblemKind = {
  type: {
    slug: 'if-match-not-awaited',
    status: 400,
    when: 'The write has `If-Match`, but does not wait for its outcome.',
    remedy: 'Add `Prefer: wait=10`: then the answer says whether the version matched.',
  },
  detail: 'a write with If-Match must be waited for: add Prefer: wait=10',
  field: 'Prefer',
}
/** Problems of every write to a todo that is there. */
export const conditionProblems = [changedMeanwhile, ifMatchRequired, ifMatchUnseen] as const

export const todoUnreadable = unavailable(
  {
    slug: 'todo-unreadable',
    when: 'The todo can not be read now.',
    remedy: 'Wait for `Retry-After`, then read again. `/ready` says which dependency is down.',
  },
  "the todo can't be read now",
)
export const keyUnchecked = unavailable(
  {
    slug: 'idempotency-key-unchecked',
    when: 'The `Idempotency-Key` can not be checked now, so nothing was written.',
    remedy: 'Send the same request with the same key again after `Retry-After`.',
  },
  "the Idempotency-Key can't be checked now",
  'not-attempted',
)
export const keyUsed: ProblemKind = {
  type: {
    slug: 'idempotency-key-reused',
    status: 422,
    when: 'This Idempotency-Key was used with a different request.',
    remedy: 'Use a new key for a new request, and an old key only to repeat what was sent with it.',
  },
  detail: 'this Idempotency-Key was used with a different request',
  field: 'Idempotency-Key',
}
export const writeTooLarge: ProblemKind = {
  type: {
    slug: 'write-too-large',
    status: 413,
    when: 'The write is larger than the command log accepts.',
    remedy: 'Send less at once; or let the topic in Kafka take larger messages.',
  },
  detail: 'the write was not accepted: it is larger than the command log accepts',
  publish: 'not-attempted',
}
/** Problems of every write that may have an `Idempotency-Key`. */
export const keyProblems = [keyUnchecked, keyUsed] as const

const notAccepted = (why: string) =>
  unavailable(
    {
      slug: 'write-not-accepted',
      when: 'The write was not accepted: nothing happened.',
      remedy: 'Send it again after `Retry-After`. `detail` says what the write waited for.',
    },
    `the write was not accepted: ${why}`,
    'not-attempted',
  )
export const refused: Readonly<Record<Exclude<RefusalCause, 'too-large'>, ProblemKind>> = {
  'queue-full': notAccepted('too many writes are waiting'),
  'waited-too-long': notAccepted('it waited too long to be sent'),
  'log-unresponsive': notAccepted('the command log does not acknowledge'),
  'log-unavailable': notAccepted('the command log is unavailable'),
  'log-closed': notAccepted('the command log accepts no writes now'),
}
export const unacknowledged = unavailable(
  {
    slug: 'write-unacknowledged',
    when: 'The write was not acknowledged in time: it may happen all the same.',
    remedy:
      'Read before you repeat it. One with an `Idempotency-Key` can be repeated at once: it happens once.',
  },
  'the write may or may not have been accepted: no acknowledgement arrived',
  'unknown',
)
/** Problems of every write. */
export const writeProblems = [refused['queue-full'], unacknowledged] as const
/** Problems of every change of a todo that is there. */
export const changeProblems = [
  nothingWritten,
  writeTooLarge,
  ...conditionProblems,
  ...keyProblems,
  ...writeProblems,
] as const
