// Pure: cuts every shorter list out of the newest one. `?limit=N` is a prefix of the newest 1,000
// todos, so one list read from the cache serves every N, all of one version.

const newline = 0x0a
const closing = Buffer.from(']')
const emptyList = Buffer.from('[]')

export type ListWindow = {
  /** How many todos it holds. */
  readonly count: number
  /** The first `limit` of them as a JSON array. */
  prefix(limit: number): Buffer
}

/** `body`: a JSON array with one todo a line, as the store makes it; JSON strings hold no raw newline. */
export const createListWindow = (body: Buffer): ListWindow => {
  if (body.equals(emptyList)) return { count: 0, prefix: () => body }
  // Each todo but the last ends in ",\n": its prefix ends before that comma.
  const ends: number[] = []
  for (let at = body.indexOf(newline); at !== -1; at = body.indexOf(newline, at + 1)) {
    ends.push(at - 1)
  }
  const count = ends.length + 1
  return {
    count,
    prefix(limit) {
      const end = ends[limit - 1]
      return end === undefined ? body : Buffer.concat([body.subarray(0, end), closing])
    },
  }
}
