// What an endpoint says of itself that will go: since when (RFC 9745), and until when (RFC 8594).

import type { Deprecation } from './contract/endpoint.ts'
import type { ResponseHeader } from './response-headers.ts'

/** Not on what the engine answers before a route is known, and not on a list that is ready. */
export const deprecationHeaders: readonly ResponseHeader[] = [
  {
    name: 'Deprecation',
    description: 'Since when this is deprecated: `@` and seconds since the epoch (RFC 9745).',
    schema: { type: 'string', pattern: '^@[0-9]+$' },
    isRequired: false,
  },
  {
    name: 'Sunset',
    description: 'When this stops working (RFC 8594).',
    schema: { type: 'string', pattern: ' GMT$' },
    isRequired: false,
  },
]

/** Name, value, name, value, … */
export const deprecationFields = (deprecation: Deprecation | undefined): readonly string[] => {
  if (!deprecation) return []
  const { since, sunset } = deprecation
  return [
    'Deprecation',
    `@${Math.floor(since.getTime() / 1_000)}`,
    ...(sunset ? ['Sunset', sunset.toUTCString()] : []),
  ]
}
