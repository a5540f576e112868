// What the endpoints of accounts stand on and share: their parts, and how they answer.

import type { Accounts } from '../../../lib/accounts/accounts.ts'
import type { Administration } from '../../../lib/accounts/administration.ts'
import { sessionIdOf, type RefreshTokens } from '../../../lib/accounts/refresh-token.ts'
import { emailLengthMax, type PasswordRules } from '../../../lib/domain/credentials.ts'
import {
  described,
  matching,
  named,
  object,
  oneOf,
  string,
  time,
  wholeNumber,
} from '../../../lib/domain/shape.ts'
import type { Log } from '../../../lib/runtime/log.ts'
import { answer } from '../../http/contract/answer.ts'
import { Problem, unavailable, type ProblemKind, type ProblemType } from '../../http/problem.ts'
import { authenticateHeader, realm } from '../../http/access-problems.ts'
import { noStore } from '../../http/response-headers.ts'
import type { AccountTokens } from '../../../lib/accounts/account-tokens.ts'
import type { FailedLogins } from './failed-logins.ts'
import type { MailRequests } from './mail-requests.ts'
import type { AccountCounts } from './metrics.ts'
import type { Passwords } from './passwords/passwords.ts'

export type AccountParts = {
  readonly accounts: Accounts
  readonly administration: Administration
  readonly passwords: Passwords
  /** What is asked of a new one. */
  readonly passwordRules: PasswordRules
  readonly failedLogins: FailedLogins
  readonly mails: MailRequests
  readonly accountTokens: AccountTokens
  /** Whether a login needs an address that is confirmed. */
  readonly requiresVerifiedEmail: boolean
  readonly refreshTokens: RefreshTokens
  readonly signAccessToken: (userId: string, sessionId: string) => string
  /** Notified at once; Postgres notifies the other processes. */
  readonly onRevoked: (sessionId: string) => void
  /** How long a profile may be out of date; 0: never. */
  readonly profileTtlMs: number
  readonly accessTtlSec: number
  readonly refreshTtlSec: number
  readonly refreshGraceSec: number
  readonly counts: AccountCounts
  readonly log: Log
}

export const tag = {
  name: 'Accounts',
  description:
    'Who writes. A login gives an access token, for the `Authorization` header, and a refresh token, for the next of both.',
}

export const accountShape = named(
  'Account',
  object({
    id: string({
      minLength: 1,
      description:
        'Assigned by the server: the `sub` of its tokens, and the `user_id` of its todos.',
    }),
    email: string({
      maxLength: emailLengthMax,
      pattern: '@',
      description: 'As it is stored: in lower case, without spaces around it.',
    }),
    created_at: described(time, 'When it was registered.'),
  }),
)
export const exampleAccount = {
  id: '0b1ee3c8-6a37-4d38-8d0e-2b9f5f1a1c55',
  email: 'ann@example.com',
  created_at: new Date('2026-01-31T12:00:00.000Z'),
}
export const exampleLogin = { email: 'ann@example.com', password: 'correct horse' }
export const ignored = 'Members that are not named here are ignored.'

const refreshToken = string({
  description: 'Valid for one use. Keep it as secret as a password.',
})
export const exampleTokens = {
  access_token: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl',
  token_type: 'Bearer',
  expires_in: 900,
  refresh_token: 'kT5bJb9jQmWv3rVbQm1XqQ.1.bWFj',
} as const
export const refreshTokenBody = {
  shape: named('RefreshToken', object({ refresh_token: refreshToken }, { description: ignored })),
  examples: [{ refresh_token: exampleTokens.refresh_token }],
}

export const accessToken = described(
  matching(/^[\w-]+\.[\w-]+\.[\w-]+$/, 'a JWT'),
  'A JWT: `Authorization: Bearer` with this.',
)
export const expiresIn = described(wholeNumber(1), 'Seconds that the access token lives.')

/** What a login and a refresh give. */
export type SessionTokens = {
  readonly access_token: string
  readonly token_type: 'Bearer'
  readonly expires_in: number
  readonly refresh_token: string
}

export const tokens = answer<SessionTokens>({
  status: 200,
  component: 'Tokens',
  description: 'The tokens.',
  headers: [noStore],
  body: named(
    'Tokens',
    object({
      access_token: accessToken,
      token_type: oneOf('Bearer'),
      expires_in: expiresIn,
      refresh_token: refreshToken,
    }),
  ),
  examples: [exampleTokens],
})

export const tokensOf = (
  { signAccessToken, refreshTokens, accessTtlSec }: AccountParts,
  userId: string,
  family: string,
  generation: number,
): SessionTokens => ({
  access_token: signAccessToken(userId, sessionIdOf(family)),
  token_type: 'Bearer',
  expires_in: accessTtlSec,
  refresh_token: refreshTokens.write({ family, generation }),
})

export const accountsUnavailable = unavailable(
  {
    slug: 'accounts-unavailable',
    when: 'Accounts are unavailable.',
    remedy: 'Wait for `Retry-After`, then send it again. `/ready` says which dependency is down.',
  },
  'accounts are unavailable',
)
/** What Postgres answers; a 503 when it does not. */
export const orUnavailable = <T>(asked: Promise<T>): Promise<T> =>
  asked.catch((error: unknown) => {
    throw new Problem(accountsUnavailable, { cause: error })
  })

export const passwordsBusy = (reason: string): ProblemKind =>
  unavailable(
    {
      slug: 'passwords-busy',
      when: 'Too many passwords wait to be checked.',
      remedy:
        'Wait for `Retry-After`, then send it again. The settings `AUTH_PASSWORD_QUEUE_MAX` and `AUTH_PASSWORD_WAIT_MAX_MS` are the bounds.',
    },
    reason,
  )

/** Whose credentials are in the body: a 401 has to name a scheme all the same (RFC 9110, 15.5.2). */
export const refusal = (type: Omit<ProblemType, 'status'>, detail: string): ProblemKind => ({
  type: { ...type, status: 401 },
  detail,
  headers: [{ ...authenticateHeader, value: realm }],
})
export const sessionEnded = refusal(
  {
    slug: 'session-ended',
    when: 'The session of the refresh token has ended: it expired, was logged out, or its token came again.',
    remedy: 'Log in again. Keep only the newest refresh token, and use each once.',
  },
  'the session has ended',
)
