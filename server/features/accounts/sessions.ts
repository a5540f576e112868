// POST /auth/login, /auth/refresh and /auth/logout: a session's beginning, middle and end.

import { firstGeneration } from '../../../lib/accounts/accounts.ts'
import { normaliseEmail, parseString } from '../../../lib/domain/credentials.ts'
import type { Log } from '../../../lib/runtime/log.ts'
import { newFamily, sessionIdOf, type RefreshTokens } from '../../../lib/accounts/refresh-token.ts'
import { createReply, type Reply } from '../../http/engines/engine.ts'
import { readJsonObject } from '../../http/json-body.ts'
import { checkField, Problem, unavailable } from '../../http/problem.ts'
import type { Handler, NamedRequest } from '../../http/router.ts'
import { orUnavailable, privateHeaders, type AccountParts } from './accounts.ts'

export type SessionParts = AccountParts & {
  readonly refreshTokens: RefreshTokens
  readonly signAccessToken: (userId: string, sessionId: string) => string
  /** Told at once; the other processes hear it from Postgres. */
  readonly onRevoked: (sessionId: string) => void
  readonly accessTtlSec: number
  readonly refreshTtlSec: number
  readonly refreshGraceSec: number
  readonly log: Log
}

export const login =
  (parts: SessionParts): Handler =>
  async (request) => {
    const { accounts, passwords } = parts
    const client = parts.clientOf(request)
    const body = await readJsonObject(request)
    const asked = checkField(() => ({
      email: normaliseEmail(parseString('email', body['email'])),
      password: parseString('password', body['password']),
    }))
    const account =
      asked.email === undefined ? undefined : await orUnavailable(accounts.findByEmail(asked.email))
    // Also when there is no account: else the time would tell who has one.
    const checked = await passwords.check(asked.password, account?.passwordHash, client)
    if (checked.kind === 'busy') throw unavailable(checked.reason)
    if (checked.kind === 'wrong' || !account) throw refusal('wrong email or password')

    const userId = account.user.id
    if (checked.isOutdated) {
      const hashed = await passwords.hash(asked.password, client)
      // With too many others waiting, at another login.
      if (hashed.kind === 'hashed') {
        await orUnavailable(accounts.replaceHash(userId, account.passwordHash, hashed.hash))
      }
    }
    const family = newFamily()
    const session = { id: sessionIdOf(family), userId, ttlSec: parts.refreshTtlSec }
    await orUnavailable(accounts.openSession(session))
    return tokens(parts, userId, family, firstGeneration)
  }

export const refresh =
  (parts: SessionParts): Handler =>
  async (request) => {
    const token = parts.refreshTokens.read(await readToken(request))
    if (!token) throw refusal('the refresh token is not one of ours')
    const sessionId = sessionIdOf(token.family)
    const rotation = await orUnavailable(
      parts.accounts.rotate(sessionId, token.generation, parts.refreshGraceSec),
    )
    switch (rotation.kind) {
      case 'rotated':
        return tokens(parts, rotation.userId, token.family, rotation.generation)
      case 'reused': {
        parts.onRevoked(sessionId)
        const fields = { session_id: sessionId, user_id: rotation.userId }
        parts.log.warn(
          { ...fields, request_id: request.requestId },
          'a refresh token was used again: its session is revoked',
        )
        throw refusal('the session has ended')
      }
      case 'ended':
        throw refusal('the session has ended')
    }
  }

/** As RFC 7009 has it, a token that is no good is not an error: what was asked for is so. */
export const logout =
  (parts: SessionParts): Handler =>
  async (request) => {
    const token = parts.refreshTokens.read(await readToken(request))
    if (token) {
      const sessionId = sessionIdOf(token.family)
      await orUnavailable(parts.accounts.revoke(sessionId))
      parts.onRevoked(sessionId)
    }
    return noContent
  }

const readToken = async (request: NamedRequest): Promise<string> => {
  const body = await readJsonObject(request)
  return checkField(() => parseString('refresh_token', body['refresh_token']))
}

const tokens = (
  { signAccessToken, refreshTokens, accessTtlSec }: SessionParts,
  userId: string,
  family: string,
  generation: number,
): Reply =>
  createReply(
    200,
    privateHeaders,
    JSON.stringify({
      access_token: signAccessToken(userId, sessionIdOf(family)),
      token_type: 'Bearer',
      expires_in: accessTtlSec,
      refresh_token: refreshTokens.write({ family, generation }),
    }),
  )

/** A 401 has to name a scheme (RFC 9110, 15.5.2). */
const refusal = (detail: string) =>
  new Problem(401, detail, { headers: ['WWW-Authenticate', 'Bearer realm="todos"'] })

const noContent: Reply = { status: 204, headers: [], body: Buffer.alloc(0), close: false }
