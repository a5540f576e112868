// What responses are put together from: headers and bodies with examples.

import type { Content, Header, Schema } from './openapi.ts'

export const header = (description: string, schema: Schema = { type: 'string' }): Header => ({
  ...{ description, schema },
  required: true,
})
export const constant = (description: string, value: string): Header =>
  header(description, { type: 'string', const: value })

const requestIdIs = 'What the request is called, here and in logs.'
export const requestId = { 'X-Request-Id': header(requestIdIs) }
/** Lists that are ready are the same bytes for everybody; what is no request yet has no name. */
export const requestIdIfAny = {
  'X-Request-Id': { description: requestIdIs, schema: { type: 'string' } },
} as const

export const etag = { ETag: header('Names this version, for `If-None-Match`.') }
export const noStore = { 'Cache-Control': constant('Not to be kept.', 'no-store') }
export const noCache = {
  'Cache-Control': constant('May be kept, but asked for each time.', 'no-cache'),
}
export const retryAfter = {
  'Retry-After': header('Seconds to wait before trying again.', { type: 'integer', minimum: 1 }),
}
/** Of what belongs to one user. */
export const privately = {
  'Cache-Control': constant(
    "May be kept by the user's own browser, but asked for each time.",
    'private, no-cache',
  ),
}
export const appliedIfAsked = {
  'Preference-Applied': {
    description: 'With `Prefer: wait`: it was waited for as asked.',
    schema: { type: 'string', const: 'wait' },
  },
} as const
const field = (description: string, example: string): Header => ({
  description: `${description} (draft-ietf-httpapi-ratelimit-headers), such as \`${example}\`.`,
  schema: { type: 'string', pattern: '^"[a-z]+";' },
})
/** Of routes with a limit, while it is on; what remains only while something counts. */
export const rateLimit = {
  'RateLimit-Policy': field('The limit: requests, and in how many seconds', '"write";q=1000;w=10'),
  RateLimit: field('What remains of it, and until when', '"write";r=999;t=1'),
}
export const applied = {
  'Preference-Applied': constant('The write was waited for: this is its outcome.', 'wait'),
}
export const vary = { Vary: header('The headers of the request that this answer depends on.') }

export const json = (schema: Schema, ...examples: unknown[]): Content => ({
  'application/json': { schema, ...examplesOf(examples) },
})

export const examplesOf = (values: readonly unknown[]) =>
  values.length > 0 && {
    examples: Object.fromEntries(values.map((value, i) => [`example${i + 1}`, { value }])),
  }
