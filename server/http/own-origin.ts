// Whether a request was sent by a page of this server's own origin, as browsers say it: what a cookie does
// must not be asked for by any other. A form, an image or a script of another site, of a neighbour under
// the same domain or on another port, can neither leave these headers out nor choose what they say.

import type { Request } from './engines/engine.ts'

/** Both are on the browsers' list of names that no page may set. */
export const isFromOwnOrigin = (request: Request): boolean => {
  const site = request.header('sec-fetch-site')
  // It compares scheme, host and port as the browser sees them, whatever a proxy in between makes of Host.
  if (site !== undefined) return site === 'same-origin'
  // Browsers leave it out where a page came by plain HTTP, but for localhost.
  const origin = originOf(request)
  return origin !== undefined && origin.host === request.header('host')?.toLowerCase()
}

/** Undefined for none, and for `null`, which every sandboxed page sends. */
export const originOf = (request: Request): URL | undefined => {
  const origin = request.header('origin')
  return origin !== undefined && URL.canParse(origin) ? new URL(origin) : undefined
}
