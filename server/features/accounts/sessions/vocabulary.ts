// What the endpoints of sessions share, one's own and those of others: what is shown of one, and how an id that
// is none is refused.

import {
  InvalidField,
  described,
  nullAs,
  shape,
  string,
  time,
  type Shape,
} from '../../../../lib/domain/shape.ts'
import type { Principal } from '../../../http/contract/endpoint.ts'
import type { ProblemKind } from '../../../http/problem.ts'

/** As Postgres can look it up; what is none is refused as one that is not there. */
export const idShape: Shape<string> = shape({ type: 'string', minLength: 1 }, (value, field) => {
  if (typeof value === 'string' && !value.includes('\0') && value.isWellFormed()) return value
  throw new InvalidField(field, `${field} must not contain U+0000 or lone surrogates`)
})

export const sessionMembers = {
  id: string({ description: 'It gives nobody access.' }),
  browser: described(
    nullAs<string | null>(string(), null),
    'What it was begun with, without any version; null: it did not say.',
  ),
  network: described(
    nullAs<string | null>(string(), null),
    'From where it was begun: a network, and not the address in it; null: not known.',
  ),
  begun_at: described(
    nullAs<Date | null>(time, null),
    'When it began; null: before a release that writes it down.',
  ),
  refreshed_at: described(time, 'When it began, or was last refreshed.'),
  expires_at: time,
}
export const exampleSession = {
  id: 'q1Zx0v9B2m3n4C5d6F7g8H9jKlMnOpQrStUvWxYzA0E',
  browser: 'Firefox, Windows',
  network: '203.0.113.0/24',
  begun_at: new Date('2026-01-31T11:45:00.000Z'),
  refreshed_at: new Date('2026-01-31T12:00:00.000Z'),
  expires_at: new Date('2026-03-02T11:45:00.000Z'),
}

export const sessionId = {
  shape: idShape,
  description: 'The id of a session, from the list that it is in.',
  example: exampleSession.id,
}

export const noSuchSession: ProblemKind = {
  type: {
    slug: 'no-such-session',
    status: 404,
    when: "There is no session with this id, it has ended, or it is another's.",
    remedy:
      'Look for it in `GET /auth/sessions`, or as a system admin in `GET /api/admin/accounts/:id/sessions`. One that has ended needs nothing.',
  },
  detail: 'there is no such session',
}

export const byOf = ({ userId }: Principal, requestId: string) => ({ actorId: userId, requestId })
