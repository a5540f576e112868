// POST /auth/register, and GET /api/profile: who has an account.

import { randomUUID } from 'node:crypto'
import type { Accounts, User } from '../../../lib/accounts/accounts.ts'
import { parseEmail, parseNewPassword } from '../../../lib/domain/credentials.ts'
import { authenticate, type VerifyToken } from '../../identity/authenticate.ts'
import type { ClientOf } from '../../http/client-address.ts'
import { createReply, type Reply } from '../../http/engines/engine.ts'
import { readJsonObject } from '../../http/json-body.ts'
import type { Passwords } from './passwords/passwords.ts'
import { checkField, Problem, unavailable } from '../../http/problem.ts'
import type { Handler } from '../../http/router.ts'
import { jsonHeaders } from '../../http/security-headers.ts'

export type AccountParts = {
  readonly accounts: Accounts
  readonly passwords: Passwords
  readonly clientOf: ClientOf
}

export const register =
  (parts: AccountParts): Handler =>
  async (request) => {
    const client = parts.clientOf(request)
    const body = await readJsonObject(request)
    const { email, password } = checkField(() => ({
      email: parseEmail(body['email']),
      password: parseNewPassword(body['password']),
    }))
    const hashed = await parts.passwords.hash(password, client)
    if (hashed.kind === 'busy') throw unavailable(hashed.reason)
    const user = await orUnavailable(
      parts.accounts.addUser({ id: randomUUID(), email, passwordHash: hashed.hash }),
    )
    if (user === 'taken') {
      throw new Problem(409, 'there is an account with this email already', { field: 'email' })
    }
    return userReply(201, user)
  }

export const readProfile =
  (parts: Pick<AccountParts, 'accounts'>, verifyToken: VerifyToken): Handler =>
  async (request) => {
    const user = await orUnavailable(parts.accounts.findUser(authenticate(request, verifyToken)))
    if (!user) throw new Problem(404, 'there is no account for this token')
    return userReply(200, user)
  }

/** What Postgres answers; a 503 when it does not. */
export const orUnavailable = <T>(asked: Promise<T>): Promise<T> =>
  asked.catch((error: unknown) => {
    throw unavailable("accounts can't be reached now", { cause: error })
  })

/** Of one person: not for caches. */
export const privateHeaders = [...jsonHeaders, 'Cache-Control', 'no-store'] as const

const userReply = (status: 200 | 201, { id, email, created_at }: User): Reply =>
  createReply(status, privateHeaders, JSON.stringify({ id, email, created_at }))
