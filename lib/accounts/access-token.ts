// Access tokens: HS256 only, a `sub` that names the user, `exp` and `nbf` honoured when present. Those
// of a login have a `sid` that names its session too.

import { randomUUID } from 'node:crypto'
import { createSigner, createVerifier, TokenError } from 'fast-jwt'
import { withoutStacks } from '../domain/refusal.ts'
import { deletedUserId, userIdLengthMax } from '../domain/todo.ts'

export type Verified =
  | { readonly kind: 'valid'; readonly userId: string; readonly sessionId?: string }
  | { readonly kind: 'invalid'; readonly reason: string }

/** Good tokens that are remembered, and the longest of them: 20 MB at most. */
const rememberedTokens = 10_000
const rememberedLengthMax = 2_048
/** A remembered token is verified again this often, so that a leap of the clock cannot keep it alive. */
const rememberedMs = 60_000

/** A good token, and the times between which that is all there is to know. */
type Remembered = {
  readonly userId: string
  readonly sessionId: string | undefined
  readonly fromMs: number
  readonly untilMs: number
}

/**
 * A function that checks a token's signature and claims.
 *
 * Good tokens are remembered here, by their whole text, and not by fast-jwt: its cache hashes each token,
 * keeps those that were refused too, and with a custom key colliding keys returned another token's claims
 * (GHSA-rp9m-7r4c-75qg). `sub` is checked here because fast-jwt accepts any type for a required claim: a
 * number, "", null, an array.
 */
export const createTokenVerifier = (
  secret: string,
  {
    cache = true,
    leewaySec = 0,
    accepted = [],
  }: {
    readonly cache?: boolean
    /** Other secrets that may have signed a token: while one takes the place of another. */
    readonly accepted?: readonly string[]
    /** How far the clock of who signs may be from this one. */
    readonly leewaySec?: number
  } = {},
): ((token: string) => Verified) => {
  const leewayMs = leewaySec * 1_000
  const verifiers = [...new Set([secret, ...accepted])].map((key) =>
    createVerifier({
      key,
      algorithms: ['HS256'],
      requiredClaims: ['sub'],
      cache: false,
      clockTolerance: leewayMs,
    }),
  )
  /** Each in turn. Tokens name no key: those of before do not, nor need those that others sign. */
  const verify = (token: string, tried = 0): Claims => {
    try {
      return (verifiers[tried] as (token: string) => Claims)(token)
    } catch (error) {
      if (tried + 1 < verifiers.length && isOtherSignature(error)) return verify(token, tried + 1)
      throw error
    }
  }
  /** In the order in which they came. */
  const remembered = new Map<string, Remembered>()

  const remember = (token: string, verified: Good, { nbf, exp }: Claims) => {
    const [oldest] = remembered.keys()
    if (oldest !== undefined && remembered.size >= rememberedTokens) remembered.delete(oldest)
    const nowMs = Date.now()
    remembered.set(token, {
      userId: verified.userId,
      sessionId: verified.sessionId,
      // They are numbers: fast-jwt refuses others.
      fromMs: nbf === undefined ? nowMs : Math.max(nowMs, Number(nbf) * 1_000 - leewayMs),
      untilMs: Math.min(
        nowMs + rememberedMs,
        exp === undefined ? Infinity : Number(exp) * 1_000 + leewayMs,
      ),
    })
  }

  return (token) => {
    const known = remembered.get(token)
    if (known) {
      const nowMs = Date.now()
      if (nowMs >= known.fromMs && nowMs < known.untilMs) return goodOf(known)
      remembered.delete(token)
    }
    try {
      const claims = withoutStacks(() => verify(token))
      const verified = verifiedOf(claims)
      if (cache && verified.kind === 'valid' && token.length <= rememberedLengthMax)
        remember(token, verified, claims)
      return verified
    } catch (error) {
      return { kind: 'invalid', reason: reasonOf(error) }
    }
  }
}

type Claims = {
  readonly sub: unknown
  readonly sid?: unknown
  readonly nbf?: unknown
  readonly exp?: unknown
}
type Good = Extract<Verified, { readonly kind: 'valid' }>

const verifiedOf = ({ sub, sid }: Claims): Verified => {
  if (typeof sub !== 'string' || sub.length === 0 || sub.length > userIdLengthMax) {
    return { kind: 'invalid', reason: `sub must be a string of 1 to ${userIdLengthMax} characters` }
  }
  // The user id goes into Postgres text and into UTF-8, which can hold neither of these.
  if (sub.includes('\0') || !sub.isWellFormed()) {
    return { kind: 'invalid', reason: 'sub must not contain U+0000 or lone surrogates' }
  }
  // Whoever had it would own what others have left.
  if (sub === deletedUserId) {
    return { kind: 'invalid', reason: 'sub must not be the name of deleted accounts' }
  }
  // Treated as none, it could not be revoked.
  if (sid !== undefined && typeof sid !== 'string') {
    return { kind: 'invalid', reason: 'sid must be a string' }
  }
  return goodOf({ userId: sub, sessionId: sid })
}

const goodOf = ({ userId, sessionId }: Pick<Remembered, 'userId' | 'sessionId'>): Good =>
  sessionId === undefined ? { kind: 'valid', userId } : { kind: 'valid', userId, sessionId }

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

const isOtherSignature = (error: unknown): boolean =>
  error instanceof TokenError && error.code === TokenError.codes.invalidSignature

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
