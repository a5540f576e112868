// What the page's files say to browsers: how long each may be kept, and what the page may do.

import { constantsOf, type ResponseHeader } from '../../http/response-headers.ts'
import { nosniff } from '../../http/security-headers.ts'

/** What a build calls after its content: another content is another name. */
const hashedFiles = 'assets/'
const serviceWorker = 'sw.js'

/**
 * Scripts, styles and connections of this origin, and nothing that stands in the page itself: a text that
 * somebody typed can't become a script. `connect-src 'self'` is WebSockets of this origin too. Texts become
 * elements through two policies only: Svelte's own, for its templates, and `page`, for the address of a
 * service worker.
 */
export const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types svelte-trusted-html page',
].join('; ')

const constant = (name: string, description: string, value: string): ResponseHeader => ({
  name,
  component: `${name}-of-the-page`,
  description,
  schema: { type: 'string', const: value },
  isRequired: true,
  value,
})

/** On each of its files. */
export const constants: readonly ResponseHeader[] = [
  // What frame-ancestors says, for browsers that do not know it.
  constant('X-Frame-Options', 'Not to be shown in a frame.', 'DENY'),
  // With `no-referrer` a form would say `null` for its origin.
  constant('Referrer-Policy', 'Other sites do not learn where its links are from.', 'same-origin'),
  constant(
    'Cross-Origin-Opener-Policy',
    'A page that opens it, or that it opens, has no hold on it.',
    'same-origin',
  ),
  constant('Cross-Origin-Resource-Policy', 'No other site may load it.', 'same-origin'),
]

/** By itself a service worker may not control `/app`, which has no slash at its end. */
export const workerScope: ResponseHeader = {
  ...constant('Service-Worker-Allowed', 'Of `sw.js`: what it may control.', '/app'),
  isRequired: false,
}

const immutable = 'public, max-age=31536000, immutable'
export const caching: ResponseHeader = {
  name: 'Cache-Control',
  component: 'Cache-Control-of-the-page',
  description: 'What is below `assets/` never changes; all else must be revalidated each time.',
  schema: { type: 'string', enum: ['no-cache', immutable] },
  isRequired: true,
}

/** On a 304 as well. */
export const cachingOf = (name: string): readonly string[] => [
  'Cache-Control',
  name.startsWith(hashedFiles) ? immutable : 'no-cache',
  'Vary',
  'Accept-Encoding',
]

export const headersOf = (name: string, mediaType: string): readonly string[] => [
  'Content-Type',
  mediaType,
  ...nosniff,
  'Content-Security-Policy',
  pagePolicy,
  ...constantsOf(constants),
  ...(name === serviceWorker ? constantsOf([workerScope]) : []),
]

/** A path that no view of the page has: what is not there must not be answered with the page. */
export const isFileName = (path: string): boolean =>
  path.startsWith(hashedFiles) || /\.[a-z0-9]+$/i.test(path)
