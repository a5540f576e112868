// Where the log has each record of a send: the offset of the first one of its partition, and how many of
// the same send are between. Pure.

import type { LogPosition } from '../domain/must-see.ts'

/** By record, in their order. Undefined: it is not known where its batch is. */
export const positionsIn = <T>(
  records: readonly T[],
  batches: readonly { readonly partition: number; readonly records: readonly T[] }[],
  firstOffsets: ReadonlyMap<number, number>,
): (LogPosition | undefined)[] => {
  const positions = new Map<T, LogPosition>()
  for (const { partition, records } of batches) {
    const first = firstOffsets.get(partition)
    if (first === undefined) continue
    for (const [i, record] of records.entries())
      positions.set(record, { partition, offset: first + i })
  }
  return records.map((record) => positions.get(record))
}
