// What answers say to browsers for safety's sake. An API behind bearer tokens has
// little to lose in a browser; what is left is JSON that is read as something else.
//
// - nosniff, on everything: JSON is never run as a script or shown as HTML, however it is asked for,
//   and browsers keep it out of other sites' <script> and <img>. It is all that lists get: they are
//   public, and their every byte is sent millions of times a second.
// - A policy that allows nothing, on all else: errors repeat what the client sent, and an answer
//   opened as a page of its own, or in a frame, can do nothing with it.
// - no-store on errors: a 404 without it may be kept by a cache (RFC 9110 section 15.1) and outlive
//   the POST that makes it untrue.
// - No Strict-Transport-Security: this server speaks plain HTTP, where the header must not be sent
//   (RFC 6797 section 7.2); it belongs to whatever ends TLS in front of it.

export const nosniff = ['X-Content-Type-Options', 'nosniff'] as const

const allowNothing = "default-src 'none'; frame-ancestors 'none'"

export const inert = [...nosniff, 'Content-Security-Policy', allowNothing]

/** Headers of JSON that is not a list. */
export const jsonHeaders = ['Content-Type', 'application/json', ...inert] as const

export const problemHeaders = [
  'Content-Type',
  'application/problem+json',
  'Cache-Control',
  'no-store',
  ...inert,
] as const

/** Headers of a page without scripts, images or forms; `styleHash` is the one style that it has. */
export const pageHeaders = (styleHash: string) => [
  'Content-Type',
  'text/html; charset=utf-8',
  ...nosniff,
  'Content-Security-Policy',
  `${allowNothing}; style-src '${styleHash}'; base-uri 'none'; form-action 'none'`,
  // What frame-ancestors says, for browsers that do not know it.
  'X-Frame-Options',
  'DENY',
  'Referrer-Policy',
  'no-referrer',
]
