// The cookie that keeps a refresh token for a page: what it is called, who gets it, and how it is read.
//
// - HttpOnly: no script of the page can read it, one that should not be there included.
// - SameSite=Strict, and a check of who asks (server/http/own-origin.ts): no other site can use it.
// - A path of its own: it goes with four requests and no other, so it is in nothing that a cache, a log or
//   a proxy sees of the rest, and a list stays the same request for everybody. That rules out `__Host-`, which
//   wants `Path=/`. `__Secure-` keeps out those who can write to the line, but not a neighbour under the same
//   domain: where a browser sends two of this name, neither is believed.
// - Secure, unless the page itself came by plain HTTP from this machine: not every browser keeps a Secure
//   cookie of `http://localhost`. A page that comes by plain HTTP from elsewhere gets one that its browser
//   drops: a refresh token is not to be read on the way.

import { refreshCookieName } from '../../../http/contract/document.ts'
import type { Request } from '../../../http/engines/engine.ts'
import { originOf } from '../../../http/own-origin.ts'

export const cookiePath = '/auth/cookie'
export const secureName = refreshCookieName
export const localName = 'todos-refresh'

type Kind = { readonly name: string; readonly attributes: string }

const shared = `Path=${cookiePath}; HttpOnly; SameSite=Strict`
const secure: Kind = { name: secureName, attributes: `${shared}; Secure` }
const local: Kind = { name: localName, attributes: shared }

const isThisMachine = /^(localhost|.*\.localhost|127(\.\d{1,3}){3}|\[::1\])$/

const kindFor = (request: Request): Kind => {
  const origin = originOf(request)
  return origin?.protocol === 'http:' && isThisMachine.test(origin.hostname) ? local : secure
}

/** The header that gives it. */
export const setCookie = (request: Request, token: string, ttlSec: number): readonly string[] => {
  const { name, attributes } = kindFor(request)
  return ['Set-Cookie', `${name}=${token}; Max-Age=${ttlSec}; ${attributes}`]
}

export const clearCookie = (request: Request): readonly string[] => setCookie(request, '', 0)

/** What was sent as the cookie of this page; undefined where there is none, or more than one. */
export const readCookie = (request: Request): string | undefined => {
  const { name } = kindFor(request)
  // RFC 9113 lets a header be cut into several, which engines join with a comma.
  const pairs = request.header('cookie')?.split(/[;,]/) ?? []
  const values = pairs
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
  return values.length === 1 ? values[0] : undefined
}
