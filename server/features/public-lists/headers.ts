// The headers that every public list has, whether its bytes are ready, read or streamed.

import { nosniff } from '../../http/security-headers.ts'

export const listType: readonly string[] = ['Content-Type', 'application/json', ...nosniff]
export const listCaching: readonly string[] = [
  'Cache-Control',
  'no-cache',
  'Vary',
  'Accept-Encoding',
]

/** Where todos of shards that are down are not in a list. */
export const missingShards = (missing: readonly string[] = []): readonly string[] =>
  missing.length === 0 ? [] : ['Missing-Shards', missing.join(', ')]
