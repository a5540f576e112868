// Who is asking: the `sub` of a bearer token (RFC 6750), or a 401 that says what is wrong with it.

import type { Verified } from '../../lib/accounts/access-token.ts'
import type { Principal } from '../http/contract/endpoint.ts'
import type { Request } from '../http/engines/engine.ts'
import { Problem } from '../http/problem.ts'
import { invalidToken, notBearer, noToken } from '../http/access-problems.ts'

/** RFC 6750's b64token. */
const bearer = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i

export type VerifyToken = (token: string) => Verified

const missing = new Problem(noToken)
/** By its reason, of which there are few. */
const refusals = new Map<string, Problem>()

const refusalOf = (reason: string): Problem => {
  let refusal = refusals.get(reason)
  if (!refusal) refusals.set(reason, (refusal = new Problem(invalidToken(reason))))
  return refusal
}

export const createAuthenticate = (verifyToken: VerifyToken) => {
  const principalOf = createPrincipalOf(verifyToken)
  return (request: Request): Principal => principalOf(tokenOf(request))
}

/** Whose a token is. */
export const createPrincipalOf =
  (verifyToken: VerifyToken) =>
  (token: string): Principal => {
    const verified = verifyToken(token)
    if (verified.kind === 'invalid') throw refusalOf(verified.reason)
    return { userId: verified.userId, sessionId: verified.sessionId }
  }

/** That a request comes with. */
export const tokenOf = (request: Request): string => {
  const authorization = request.header('authorization')
  if (authorization === undefined) throw missing
  const token = bearer.exec(authorization)?.[1]
  if (token === undefined) throw refusalOf(notBearer)
  return token
}
