// Which form of a list a client gets: as it is, gzip or br (RFC 9110 §12.5.3), and whether it needs
// one at all (If-None-Match, §13.1.2). Pure.

import { createHash } from 'node:crypto'

export type Encoding = 'identity' | 'br' | 'gzip'

export type EncodingChoice = {
  /** The best one; undefined when the client accepts none of ours. */
  readonly encoding: Encoding | undefined
  /** Identity will not do in its place. */
  readonly isIdentityRefused: boolean
}

/** In the order we prefer them when a client takes several alike. */
const compressed = ['br', 'gzip'] as const

const plain: EncodingChoice = { encoding: 'identity', isIdentityRefused: false }

/** A coding, a name or `*`, and its weight: 0 to 1 with at most three decimals. */
const member =
  /^[ \t]*([!#$%&'*+\-.^_`|~0-9a-z]+)[ \t]*(?:;[ \t]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*)?$/

/** RFC 9110 §8.4.1.3: `x-gzip` is another name of gzip. */
const nameOf = (coding: string): string => (coding === 'x-gzip' ? 'gzip' : coding)

/** What is no member of the list by the letter of the standard is ignored. */
export const chooseEncoding = (acceptEncoding: string | undefined): EncodingChoice => {
  if (acceptEncoding === undefined || acceptEncoding === '') return plain
  const weights = new Map<string, number>()
  for (const part of acceptEncoding.toLowerCase().split(',')) {
    const [, coding, weight = '1'] = member.exec(part) ?? []
    if (coding !== undefined) weights.set(nameOf(coding), Number(weight))
  }
  const identityWeight = weights.get('identity') ?? weights.get('*')
  const isIdentityRefused = identityWeight === 0
  let best: Encoding | undefined
  let bestWeight = 0
  for (const coding of compressed) {
    const weight = weights.get(coding) ?? weights.get('*') ?? 0
    if (weight > bestWeight) {
      best = coding
      bestWeight = weight
    }
  }
  // Identity is acceptable unless it is refused; it wins only where it is preferred by name.
  if ((weights.get('identity') ?? 0) > bestWeight) return plain
  return { encoding: best ?? (isIdentityRefused ? undefined : 'identity'), isIdentityRefused }
}

/** A strong ETag for what is made per request: the same bytes have the same, on every process. */
export const contentTag = (content: string | Buffer): string =>
  `"${createHash('sha256').update(content).digest('base64url')}"`

/** True when the client holds `etag` already. Weak comparison, as a GET asks for. */
export const etagMatches = (ifNoneMatch: string, etag: string): boolean =>
  ifNoneMatch.trim() === '*' ||
  ifNoneMatch.split(',').some((one) => one.trim().replace(/^W\//, '') === etag)
