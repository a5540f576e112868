// Access tokens: HS256 only, a `sub` that names the user, `exp` and `nbf` honoured when present. Those
// of a login have a `sid` that names its session too.

import { randomUUID } from 'node:crypto'
import { createSigner, createVerifier, TokenError } from 'fast-jwt'
import { userIdLengthMax } from '../domain/todo.ts'

export type Verified =
  | { readonly kind: 'valid'; readonly userId: string; readonly sessionId?: string }
  | { readonly kind: 'invalid'; readonly reason: string }

const cachedTokens = 10_000
// A cached token is verified again this often, so that a leap of the clock cannot keep it alive.
const cacheTtlMs = 60_000

/**
 * A function that checks a token's signature and claims.
 *
 * The cache keeps fast-jwt's own key builder: with a custom one, colliding keys returned another
 * token's claims (GHSA-rp9m-7r4c-75qg). `sub` is checked here because fast-jwt accepts any type
 * for a required claim: a number, "", null, an array.
 */
export const createTokenVerifier = (
  secret: string,
  {
    cache = true,
    leewaySec = 0,
  }: {
    readonly cache?: boolean
    /** How far the clock of who signs may be from this one. */
    readonly leewaySec?: number
  } = {},
): ((token: string) => Verified) => {
  const verify = createVerifier({
    key: secret,
    algorithms: ['HS256'],
    requiredClaims: ['sub'],
    cache: cache ? cachedTokens : false,
    clockTolerance: leewaySec * 1_000,
    // Refusals are never kept: by default that is for the leeway, and longer where the clock goes back.
    errorCacheTTL: () => -Infinity,
    cacheTTL: cacheTtlMs,
  })
  return (token) => {
    try {
      const { sub, sid } = verify(token) as { sub: unknown; sid?: unknown }
      if (typeof sub !== 'string' || sub.length === 0 || sub.length > userIdLengthMax) {
        return {
          kind: 'invalid',
          reason: `sub must be a string of 1 to ${userIdLengthMax} characters`,
        }
      }
      // The user id goes into Postgres text and into UTF-8, which can hold neither of these.
      if (sub.includes('\0') || !sub.isWellFormed()) {
        return { kind: 'invalid', reason: 'sub must not contain U+0000 or lone surrogates' }
      }
      if (sid === undefined) return { kind: 'valid', userId: sub }
      // Treated as none, it could not be revoked.
      if (typeof sid !== 'string') return { kind: 'invalid', reason: 'sid must be a string' }
      return { kind: 'valid', userId: sub, sessionId: sid }
    } catch (error) {
      return { kind: 'invalid', reason: reasonOf(error) }
    }
  }
}

/** A token for `userId` that ends after `ttlSec`; for `npm run token`, `npm start` and tests. */
export const signToken = (secret: string, userId: string, ttlSec: number): string =>
  createSigner({ key: secret, algorithm: 'HS256', expiresIn: ttlSec * 1000 })({ sub: userId })

/** Signs the access tokens of sessions. */
export const createAccessTokenSigner = (
  secret: string,
  ttlSec: number,
): ((userId: string, sessionId: string) => string) => {
  const sign = createSigner({ key: secret, algorithm: 'HS256', expiresIn: ttlSec * 1000 })
  return (sub, sid) => sign({ sub, sid, jti: randomUUID() })
}

// fast-jwt's messages may repeat what the client sent; these may go into a header.
const reasonOf = (error: unknown): string => {
  const code = error instanceof TokenError ? error.code : undefined
  switch (code) {
    case TokenError.codes.expired:
      return 'the token has expired'
    case TokenError.codes.inactive:
      return 'the token is not valid yet'
    case TokenError.codes.invalidAlgorithm:
      return 'the token must be signed with HS256'
    case TokenError.codes.invalidSignature:
      return 'the signature does not match'
    case TokenError.codes.missingRequiredClaim:
      return 'the token has no sub'
    default:
      return 'the token is malformed'
  }
}
