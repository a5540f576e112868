// What the endpoints of dead letters share: what is shown of one, and how they refuse.

import {
  InvalidField,
  described,
  nullAs,
  shape,
  string,
  time,
  wholeNumber,
  type Shape,
} from '../../../../lib/domain/shape.ts'
import type { DeadLetters, Letter } from '../../../../lib/todo-store/dead-letters.ts'
import type { LetterChanges } from '../../../../lib/todo-store/letter-changes.ts'
import { unavailable, type ProblemKind } from '../../../http/problem.ts'

export type DeadLetterParts = {
  readonly letters: Pick<DeadLetters, 'newest' | 'get'>
  readonly letterChanges: LetterChanges
}

export const path = '/api/admin/dead-letters'

export const tag = {
  name: 'Operations',
  description: 'What an operator sees of the system without its metrics, and decides about.',
}

export const letterMembers = {
  id: wholeNumber(1),
  partition: wholeNumber(0),
  offset: wholeNumber(0),
  reason: described(string(), 'Why it could not be applied.'),
  failed_at: time,
  bytes: described(
    nullAs<number | null>(wholeNumber(0), null),
    'How long the record is; null: it has none.',
  ),
}
export const exampleLetter = {
  id: 7,
  partition: 0,
  offset: 512,
  reason: 'schema must be 1, 2, 3 or 4',
  failed_at: new Date('2026-01-31T12:00:00.000Z'),
  bytes: 13,
}
export const shownLetter = (letter: Omit<Letter, 'record'>, bytes: number | null) => ({
  id: letter.id,
  partition: letter.partition,
  offset: letter.offset,
  reason: letter.reason,
  failed_at: letter.failedAt,
  bytes,
})

/** Past what a JSON number holds exactly there is none. */
const digitsMax = 15
const idShape: Shape<number> = shape(
  { type: 'integer', minimum: 1, maximum: 10 ** digitsMax - 1 },
  (value, field) => {
    if (typeof value === 'string' && /^[1-9]\d{0,14}$/.test(value)) return Number(value)
    throw new InvalidField(
      field,
      `${field} must be one whole number of at most ${digitsMax} digits`,
    )
  },
)
export const letterId = {
  shape: idShape,
  description: 'The id of a dead letter.',
  example: exampleLetter.id,
  component: 'DeadLetterId',
}

export const noSuchLetter: ProblemKind = {
  type: {
    slug: 'no-such-dead-letter',
    status: 404,
    when: 'There is no dead letter with this id: somebody may have replayed or discarded it.',
    remedy: `Look for it in \`GET ${path}\`. One that is gone needs nothing.`,
  },
  detail: 'there is no such dead letter',
}

export const lettersUnavailable = unavailable(
  {
    slug: 'dead-letters-unavailable',
    when: 'The database with the dead letters does not answer.',
    remedy: 'Wait for `Retry-After`, then send it again. `/ready` says which dependency is down.',
  },
  'the dead letters are unavailable',
)
