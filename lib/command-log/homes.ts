// Which partition of the log a todo's commands go to, and ids for new todos that say so. A process fills
// one partition at a time, since every partition in a send is a record batch of its own to the log, and
// what a send costs is mostly its record batches.

import hyperid from 'hyperid'
import { bucketCount, bucketOf, bucketOfOwner, idAlphabet, idStart } from '../domain/todo-id.ts'

/** A log's rule for ids without a bucket, which was the rule for all ids before there were buckets. */
export type IdHash = {
  /** Of a whole id. At least 0. */
  of(todoId: string): number
  /** The same of an id that begins with `start` and ends with the one character of this code. */
  after(start: string): (lastCode: number) => number
}

export type Homes = {
  partitionOf(todoId: string): number
  /** `ownerId`: of a todo that only its owner sees. The others go along with the next send. */
  newTodoId(ownerId?: string): string
  /**
   * To be called when a send is made up: ids from now on are for the one after it. `mayFill`: whether it
   * takes what is for a partition, where not every send takes all.
   */
  sending(mayFill?: (partition: number) => boolean): void
}

/** `isTaken`: whether what is sent to a partition is taken now. New todos go elsewhere while it is not. */
export const createHomes = (
  partitions: () => number,
  hash: IdHash,
  isTaken: (partition: number) => boolean = () => true,
): Homes => {
  const newUnique = hyperid({ urlSafe: true, fixedLength: true })
  let sends = Math.floor(Math.random() * bucketCount)
  let ids = 0

  const partitionOfNextSend = () => sends % Math.min(partitions(), bucketCount)

  const bucketOfNextSend = () => {
    const count = partitions()
    let partition = partitionOfNextSend()
    for (let skipped = 0; skipped < count && !isTaken(partition); skipped++) {
      sends++
      partition = partitionOfNextSend()
    }
    const buckets = Math.ceil((bucketCount - partition) / count)
    return partition + count * (ids++ % buckets)
  }

  return {
    partitionOf(todoId) {
      const bucket = bucketOf(todoId)
      return (bucket ?? hash.of(todoId)) % partitions()
    },
    newTodoId: (ownerId) =>
      newTodoId(
        newUnique,
        ownerId === undefined ? bucketOfNextSend() : bucketOfOwner(ownerId),
        partitions(),
        hash,
      ),
    sending(mayFill) {
      if (mayFill === undefined || mayFill(partitionOfNextSend())) sends++
    },
  }
}

/** Never used up: for 1,000 partitions, one in 16 has an end that suits. */
const uniquesMax = 1_000
const codes = Array.from(idAlphabet, (character) => character.charCodeAt(0))

/**
 * An id that servers of releases without buckets send to the same partition: its last character is
 * chosen for it. They hash each id, and run beside newer ones while a release is rolled out. Most of an
 * id is hashed once for all of its ends: one costs 0.3 us for up to 6 partitions, 0.7 us for 64 and
 * 13 us for 1,000 (`newTodoId()` in a loop, on 2-core x86-64 Linux).
 */
const newTodoId = (
  newUnique: () => string,
  bucket: number,
  partitions: number,
  hash: IdHash,
): string => {
  const partition = bucket % partitions
  for (let uniques = 1; ; uniques++) {
    const start = idStart(newUnique(), bucket)
    const hashOf = hash.after(start)
    for (let i = 0; i < codes.length; i++) {
      if (hashOf(codes[i] as number) % partitions === partition) return start + idAlphabet.charAt(i)
    }
    if (uniques === uniquesMax) return start + idAlphabet.charAt(0)
  }
}
