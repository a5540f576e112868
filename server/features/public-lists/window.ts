// Pure: cuts every shorter list out of the newest one. `?limit=N` is a prefix of the newest 1,000
// todos, so one list read from the cache serves every N, all of one version.

import { newestCount } from '../../../lib/domain/list.ts'
import { placeOf, type Position } from '../../../lib/domain/page.ts'
import { largeBytesMin } from '../../http/engines/engine.ts'

const newline = 0x0a
const closing = Buffer.from(']')
const emptyList = Buffer.from('[]')

export type ListWindow = {
  /** How many todos it holds. */
  readonly count: number
  /** The first `limit` of them as a JSON array. */
  prefix(limit: number): Cut
}

/** A list's bytes: where they lie in a longer one, and what closes them. */
export type Cut = {
  readonly body: Buffer
  readonly tail?: Buffer
  /** The place of its last todo, where others may follow. */
  readonly next?: Position | undefined
  /** Shards whose todos are not in the list. */
  readonly missing?: readonly string[] | undefined
}

/** `body`: a JSON array with one todo a line, as the store makes it; JSON strings hold no raw newline. */
export const createListWindow = (body: Buffer): ListWindow => {
  if (body.equals(emptyList)) return { count: 0, prefix: () => ({ body }) }
  // Each todo but the last ends in ",\n": its prefix ends before that comma.
  const ends: number[] = []
  for (let at = body.indexOf(newline); at !== -1; at = body.indexOf(newline, at + 1)) {
    ends.push(at - 1)
  }
  const count = ends.length + 1
  /** Its line lies between two ends; what separates it from the one before are two bytes. */
  const place = (nth: number) =>
    placeOf(body.subarray((ends[nth - 2] ?? -1) + 2, ends[nth - 1] ?? body.length - 1))
  return {
    count,
    prefix(limit) {
      const end = ends[limit - 1]
      // A full list may go on in the database.
      if (end === undefined) return { body, next: count < newestCount ? undefined : place(count) }
      const cut = body.subarray(0, end)
      const next = place(limit)
      // 200 lists of 10 MB, each a little longer than the last, are one and the same bytes.
      return end >= largeBytesMin
        ? { body: cut, tail: closing, next }
        : { body: Buffer.concat([cut, closing]), next }
    },
  }
}
