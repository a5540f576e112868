// From where each shard goes on, when the log and the databases are of different moments. Pure. What no
// record is left of is lost: it is said, and accepted or not, before anything is written.

import type { Bounds } from '../../../lib/domain/log-identity.ts'

/** A shard that applies a partition, or some of its buckets. */
export type Reader = { readonly shard: string; readonly partition: number; readonly next: number }

export type OffsetDecision = {
  /** Records of which no trace is left, in one line for each partition. */
  readonly lost: readonly string[]
  /** Where readers go on, if what is lost is accepted. */
  readonly readers: readonly Reader[]
  /** Of the log in DATABASE_URL: it must end there, or new records would have the numbers of older ones. */
  readonly ends: ReadonlyMap<number, number>
}

/** `isOurs`: the log is in DATABASE_URL, and went back with it. Another's end is looked at by workers. */
export const decideOffsets = (
  readers: readonly Reader[],
  ranges: ReadonlyMap<number, Bounds>,
  isOurs: boolean,
): OffsetDecision => {
  const lost: string[] = []
  const moved: Reader[] = []
  const ends = new Map<number, number>()
  for (const [partition, { first, end }] of ranges) {
    const here = readers.filter((one) => one.partition === partition)
    const newest = Math.max(...here.map(({ next }) => next), 0)
    const isBehind = isOurs && newest > end
    if (isBehind) ends.set(partition, newest)
    const from = isBehind ? newest : first
    for (const reader of here.filter(({ next }) => next < from)) {
      const { shard, next } = reader
      lost.push(
        `partition ${partition}: ${shard} goes on at ${next}, and the log has nothing before ${from}`,
      )
      moved.push({ ...reader, next: from })
    }
  }
  return { lost, readers: moved, ends }
}
