// The public lists: which there are, and what one is at one version.

/** `newest` holds the newest `newestCount` todos: every `?limit=N` is a prefix of it. */
export type ListName = 'newest' | 'all'
export const listNames: readonly ListName[] = ['newest', 'all']
export const newestCount = 1_000

export type ListSnapshot = {
  /** Grows with every change to the todos; two snapshots of one version are the same. */
  readonly version: number
  /** The list as a JSON array in UTF-8, one todo a line; empty when it is too long to be held. */
  readonly body: Buffer
}

export const isTooLong = ({ body }: ListSnapshot): boolean => body.length === 0

/** The first `count` todos of a list, as a list. JSON strings hold no raw newline. */
export const firstOf = (body: Buffer, count: number): Buffer => {
  let end = 0
  for (let i = 0; i < count; i++) {
    end = body.indexOf('\n', end + 1)
    if (end === -1) return body
  }
  // A todo that is not the last ends in ",\n".
  return Buffer.concat([body.subarray(0, end - 1), closing])
}
const closing = Buffer.from(']')
