// What a delivery holds for a store that expects a certain offset next. Pure.

import type { DeliveryResult } from '../../lib/command-log/command-log.ts'

export type Alignment<R> =
  | DeliveryResult
  | { readonly kind: 'apply'; readonly records: readonly R[] }

/** `expectedOffset`: what the store expects next. */
export const align = <R extends { readonly offset: number }>(
  expectedOffset: number,
  delivery: { readonly records: readonly R[]; readonly endOffset: number },
): Alignment<R> => {
  const { records, endOffset } = delivery
  if (endOffset < expectedOffset) return { kind: 'truncated', expectedOffset }
  const fresh = records.filter((record) => record.offset >= expectedOffset)
  if (fresh.length === 0) return { kind: 'applied' }
  const isContiguous = fresh.every((record, i) => record.offset === expectedOffset + i)
  return isContiguous ? { kind: 'apply', records: fresh } : { kind: 'gap', expectedOffset }
}
