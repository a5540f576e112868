// Pure: is a chunk nothing but byte-identical copies of one request? Any cut is fine: a chunk may
// begin and end in the middle of a copy.

export type Repeats =
  /** Copies completed by this chunk, and bytes of the next one that have come already. */
  | { readonly kind: 'copies'; readonly complete: number; readonly matched: number }
  | { readonly kind: 'other' }

const other: Repeats = { kind: 'other' }

/** `chunk` ends at `chunkBytes`; `matched` bytes of `request` came before it. */
export const countRepeats = (
  request: Buffer,
  matched: number,
  chunk: Buffer,
  chunkBytes: number,
): Repeats => {
  const { length } = request
  // Up to one whole period is compared with the request itself …
  const toEnd = Math.min(chunkBytes, length - matched)
  if (request.compare(chunk, 0, toEnd, matched, matched + toEnd) !== 0) return other
  const wrapped = Math.min(chunkBytes - toEnd, matched)
  if (wrapped > 0 && request.compare(chunk, toEnd, toEnd + wrapped, 0, wrapped) !== 0) return other
  // … and then the chunk with itself, one period on: equal throughout means periodic throughout.
  if (
    chunkBytes > length &&
    chunk.compare(chunk, length, chunkBytes, 0, chunkBytes - length) !== 0
  ) {
    return other
  }
  const total = matched + chunkBytes
  return { kind: 'copies', complete: Math.floor(total / length), matched: total % length }
}
