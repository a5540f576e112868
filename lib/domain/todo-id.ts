// A todo's id says its home: the bucket that it is in, for good. Buckets are spread over the log's
// partitions by whoever publishes; that may change, a bucket never does. Ids of other lengths are from
// before, or made from an Idempotency-Key where all is in one database: they have no bucket. Pure.

/** Enough for any number of partitions and databases to come; two characters say which. */
export const bucketCount = 4_096

/** base64url, whose digits are in ids since the first. */
export const idAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** First: it grows with each id of one process, which breaks ties in a list's order. */
export const uniqueLength = 33
/** Then two for the bucket, and one that may be any. */
export const todoIdLength = uniqueLength + 3

const noDigit = 255
const digits = new Uint8Array(128).fill(noDigit)
for (let digit = 0; digit < idAlphabet.length; digit++) {
  digits[idAlphabet.charCodeAt(digit)] = digit
}

/** An id but for its last character. */
export const idStart = (unique: string, bucket: number): string =>
  unique + idAlphabet.charAt(bucket >> 6) + idAlphabet.charAt(bucket & 63)

/** Undefined for an id that has none. */
export const bucketOf = (todoId: string): number | undefined => {
  if (todoId.length !== todoIdLength) return undefined
  const high = digits[todoId.charCodeAt(uniqueLength)] ?? noDigit
  const low = digits[todoId.charCodeAt(uniqueLength + 1)] ?? noDigit
  return high === noDigit || low === noDigit ? undefined : (high << 6) | low
}

/** FNV-1a, its halves folded. For good: all that one owner has is in one bucket. */
export const bucketOfOwner = (ownerId: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < ownerId.length; i++) {
    hash = Math.imul(hash ^ ownerId.charCodeAt(i), 0x01000193)
  }
  return (hash ^ (hash >>> 12) ^ (hash >>> 24)) & (bucketCount - 1)
}

/**
 * An id made of a hash, whose characters are of this alphabet: the same for the same hash and owner.
 * Without an owner, the hash says the bucket.
 */
export const idOfHash = (hash: string, ownerId?: string): string =>
  ownerId === undefined
    ? hash.slice(0, todoIdLength)
    : idStart(hash.slice(0, uniqueLength), bucketOfOwner(ownerId)) + hash.charAt(uniqueLength + 2)
