// What the endpoints of the administration share: what they show of accounts, and how they refuse.

import type { Administration } from '../../../../lib/accounts/administration.ts'
import { emailLengthMax } from '../../../../lib/domain/credentials.ts'
import { roles } from '../../../../lib/domain/role.ts'
import {
  described,
  named,
  nullAs,
  object,
  oneOf,
  string,
  time,
  type Shape,
} from '../../../../lib/domain/shape.ts'
import { answer } from '../../../http/contract/answer.ts'
import type { ProblemKind } from '../../../http/problem.ts'
import { noStore } from '../../../http/response-headers.ts'
import { exampleAccount } from '../parts.ts'
import { idShape } from '../sessions/vocabulary.ts'

export type AdminParts = {
  readonly administration: Administration
  /** Notified at once; Postgres notifies the other processes. */
  readonly onRevoked: (sessionId: string) => void
}

export const tag = {
  name: 'Administration',
  description:
    'For system admins: the accounts of others, never a password or a todo of theirs. `npm run admin -- grant EMAIL` makes the first one. Each change is in the audit log.',
}

const orNull = (one: Shape<Date>, description: string): Shape<Date | null> =>
  described(nullAs<Date | null>(one, null), description)

export const managedAccountShape = named(
  'ManagedAccount',
  object({
    id: string({ minLength: 1, description: 'The `sub` of its tokens.' }),
    email: string({ maxLength: emailLengthMax, pattern: '@' }),
    created_at: described(time, 'When it was registered.'),
    role: oneOf(...roles),
    email_verified_at: orNull(time, 'When mail to its address was answered; null: never.'),
    disabled_at: orNull(time, 'Since when it is disabled; null: it is not.'),
  }),
)
export const exampleManaged = {
  ...exampleAccount,
  role: 'user' as const,
  email_verified_at: new Date('2026-01-31T12:05:00.000Z'),
  disabled_at: null,
}

export const managedAccount = answer({
  status: 200,
  component: 'ManagedAccountAnswer',
  description: 'The account, as it is now.',
  headers: [noStore],
  body: managedAccountShape,
  examples: [exampleManaged],
})

export const accountId = {
  shape: idShape,
  description: 'The id of an account.',
  example: exampleAccount.id,
  component: 'AccountId',
}
export const noSuchAccount: ProblemKind = {
  type: {
    slug: 'no-such-account',
    status: 404,
    when: 'There is no account with this id.',
    remedy: 'Look for it in `GET /api/admin/accounts`. A deleted account is in no list.',
  },
  detail: 'there is no such account',
}
export const ownAccount: ProblemKind = {
  type: {
    slug: 'own-account',
    status: 409,
    when: 'A system admin would disable or delete the account that asks.',
    remedy: 'Ask another system admin, so that nobody locks the last one out by mistake.',
  },
  detail: 'nobody disables or deletes the own account here',
}
