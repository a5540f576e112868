// The headers of answers that the document describes, each once. Those with a value are always sent
// with it; what the others say depends on the request.

import type { JsonSchema } from '../../lib/domain/shape.ts'

export type ResponseHeader = {
  readonly name: string
  readonly description: string
  readonly schema: JsonSchema
  /** It is always there. */
  readonly isRequired: boolean
  /** What the document calls it, where the name alone would stand for several. */
  readonly component?: string
  readonly value?: string
}

const header = (
  name: string,
  description: string,
  options: Partial<Omit<ResponseHeader, 'name' | 'description'>> = {},
): ResponseHeader => ({
  name,
  description,
  schema:
    options.value === undefined ? { type: 'string' } : { type: 'string', const: options.value },
  isRequired: true,
  ...options,
})

/** Name, value, name, value, … of those that always say the same. */
export const constantsOf = (headers: readonly ResponseHeader[] = []): string[] =>
  headers.flatMap(({ name, value }) => (value === undefined ? [] : [name, value]))

export const requestId = header('X-Request-Id', 'What the request is called, here and in logs.')
/** Lists that are ready are the same bytes for everybody; what is no request yet has no name. */
export const requestIdIfAny: ResponseHeader = {
  ...requestId,
  component: 'X-Request-Id-if-any',
  isRequired: false,
}

export const etag = header('ETag', 'Names this version, for `If-None-Match`.')
/** Of a todo. */
export const etagIfKnown = header('ETag', 'The version of today, for `If-Match`.', {
  component: 'ETag-if-known',
  isRequired: false,
})
/** Of a list of what several databases have. */
export const missingShardsIfAny = header(
  'Missing-Shards',
  'Shards whose todos are not in the list, because they do not answer; without it the list is whole.',
  { isRequired: false },
)
export const etagIfAny: ResponseHeader = {
  ...etag,
  component: 'ETag-if-any',
  isRequired: false,
}
export const vary = header('Vary', 'The headers of the request that this answer depends on.')
export const locationUnder = (path: string) =>
  header('Location', 'Where it is.', {
    component: `Location${path.replaceAll('/', '-')}`,
    schema: { type: 'string', pattern: `^${path}/` },
  })
export const links = header(
  'Link',
  'Where other pages are (RFC 8288): `first`, `prev`, `next`, `last`.',
)
export const linkToNext = header('Link', 'Where the list goes on (RFC 8288): `next`, if it does.', {
  component: 'Link-next',
  isRequired: false,
})
export const contentEncoding = header(
  'Content-Encoding',
  'Longer lists are compressed for clients that take it.',
  { schema: { type: 'string', enum: ['gzip', 'br'] }, isRequired: false },
)

export const noStore = header('Cache-Control', 'Not to be kept.', {
  component: 'Cache-Control-no-store',
  value: 'no-store',
})
export const noCache = header(
  'Cache-Control',
  'May be stored, but must be revalidated each time.',
  {
    component: 'Cache-Control-no-cache',
    value: 'no-cache',
  },
)
/** What belongs to one user. */
export const privateNoCache = header(
  'Cache-Control',
  "May be stored by the user's own browser, but must be revalidated each time.",
  { component: 'Cache-Control-private', value: 'private, no-cache' },
)

/** Seconds; a limit that is exceeded says more. */
export const retryAfter = header('Retry-After', 'Seconds to wait before trying again.', {
  schema: { type: 'integer', minimum: 1 },
  value: '1',
})

export const waited = header(
  'Preference-Applied',
  'The write was waited for: this is its outcome.',
  { component: 'Preference-Applied-wait', schema: { type: 'string', const: 'wait' } },
)
export const waitedIfAsked: ResponseHeader = {
  ...waited,
  component: 'Preference-Applied-wait-if-asked',
  description: 'With `Prefer: wait`: the preference was applied.',
  isRequired: false,
}
export const notWaited = header(
  'Preference-Applied',
  '`respond-async` was applied: the answer did not wait.',
  {
    component: 'Preference-Applied-respond-async',
    schema: { type: 'string', const: 'respond-async' },
    isRequired: false,
  },
)

const rateLimitField = (name: string, description: string, example: string) =>
  header(name, `${description} (draft-ietf-httpapi-ratelimit-headers), such as \`${example}\`.`, {
    schema: { type: 'string', pattern: '^"[a-z]+";' },
    isRequired: false,
  })
/** Routes with a limit have them while it is on; what remains is known only while something counts. */
export const rateLimit = [
  rateLimitField(
    'RateLimit-Policy',
    'The limit: requests, and in how many seconds',
    '"write";q=1000;w=10',
  ),
  rateLimitField('RateLimit', 'What remains of it, and until when', '"write";r=999;t=1'),
] as const
