// Which form of a list a client gets: as it is, gzip or br (RFC 9110 §12.5.3), and whether it needs
// one at all (If-None-Match, §13.1.2). Pure.

export type Encoding = 'identity' | 'br' | 'gzip'

/** In the order we prefer them when a client takes several alike. */
const compressed = ['br', 'gzip'] as const

/** The best encoding that `acceptEncoding` allows; identity when in doubt. */
export const chooseEncoding = (acceptEncoding: string | undefined): Encoding => {
  if (acceptEncoding === undefined || acceptEncoding === '') return 'identity'
  const weights = new Map<string, number>()
  for (const part of acceptEncoding.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = part.trim().split(';')
    const weight = parameters
      .map((one) => /^\s*q=(\d(?:\.\d{0,3})?)\s*$/.exec(one)?.[1])
      .find(Boolean)
    weights.set(coding.trim(), weight === undefined ? 1 : Number(weight))
  }
  const weightOf = (coding: Encoding) =>
    weights.get(coding) ?? weights.get('*') ?? (coding === 'identity' ? 1 : 0)
  let best: Encoding = 'identity'
  let bestWeight = 0
  for (const coding of compressed) {
    if (weightOf(coding) > bestWeight) {
      best = coding
      bestWeight = weightOf(coding)
    }
  }
  // Identity is acceptable unless it is refused; it wins only where it is preferred by name.
  return (weights.get('identity') ?? 0) > bestWeight ? 'identity' : best
}

/** True when the client holds `etag` already. Weak comparison, as a GET asks for. */
export const etagMatches = (ifNoneMatch: string, etag: string): boolean =>
  ifNoneMatch.trim() === '*' ||
  ifNoneMatch.split(',').some((one) => one.trim().replace(/^W\//, '') === etag)
