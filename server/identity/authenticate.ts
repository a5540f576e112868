// Who is asking: the `sub` of a bearer token (RFC 6750), or a 401 that says what is wrong with it.

import type { Verified } from '../../lib/accounts/access-token.ts'
import type { Request } from '../http/engines/engine.ts'
import { Problem } from '../http/problem.ts'

const realm = 'Bearer realm="todos"'
/** RFC 6750's b64token. */
const bearer = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i

export type VerifyToken = (token: string) => Verified

export const authenticate = (request: Request, verifyToken: VerifyToken): string => {
  const authorization = request.header('authorization')
  if (authorization === undefined) {
    throw new Problem(401, 'send a token: Authorization: Bearer <token>', {
      headers: ['WWW-Authenticate', realm],
    })
  }
  const token = bearer.exec(authorization)?.[1]
  if (token === undefined) throw invalidToken('the Authorization header must be: Bearer <token>')
  const verified = verifyToken(token)
  if (verified.kind === 'invalid') throw invalidToken(verified.reason)
  return verified.userId
}

const invalidToken = (reason: string) =>
  new Problem(401, reason, {
    headers: ['WWW-Authenticate', `${realm}, error="invalid_token", error_description="${reason}"`],
  })
