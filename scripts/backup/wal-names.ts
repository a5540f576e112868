// The names of WAL segments: a timeline, and where in the log a segment begins. Two segments of a timeline
// follow each other when their numbers do.

export type Segment = { readonly timeline: number; readonly number: bigint }

const segmentPattern = /^[0-9A-F]{24}$/
const spaceBytes = 0x1_0000_0000n // what the middle eight digits count

/** Undefined for what is no whole segment: a history file, a label of a backup. */
export const parseSegment = (name: string, segmentBytes: number): Segment | undefined => {
  if (!segmentPattern.test(name)) return undefined
  const part = (start: number) => BigInt(`0x${name.slice(start, start + 8)}`)
  return {
    timeline: Number(part(0)),
    number: part(8) * (spaceBytes / BigInt(segmentBytes)) + part(16),
  }
}

export const segmentName = ({ timeline, number }: Segment, segmentBytes: number): string => {
  const each = spaceBytes / BigInt(segmentBytes)
  return [BigInt(timeline), number / each, number % each]
    .map((part) => part.toString(16).toUpperCase().padStart(8, '0'))
    .join('')
}

/** Throws when it is none. */
export const parseLsn = (text: string): bigint => {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text) ?? []
  if (high === undefined || low === undefined) throw new Error(`"${text}" is no LSN`)
  return BigInt(`0x${high}`) * spaceBytes + BigInt(`0x${low}`)
}

export const lsnText = (lsn: bigint): string =>
  [lsn / spaceBytes, lsn % spaceBytes].map((part) => part.toString(16).toUpperCase()).join('/')

/** The segments that hold what is between both, in order. */
export const segmentsBetween = (
  timeline: number,
  startLsn: string,
  endLsn: string,
  segmentBytes: number,
): string[] => {
  const first = parseLsn(startLsn) / BigInt(segmentBytes)
  const last = (parseLsn(endLsn) - 1n) / BigInt(segmentBytes)
  const names: string[] = []
  for (let number = first; number <= last; number++) {
    names.push(segmentName({ timeline, number }, segmentBytes))
  }
  return names
}

export type Archived = {
  /** Where what is archived without a hole ends. */
  readonly endLsn: string
  /** It lacks this one, and has later ones. */
  readonly missing: string | undefined
}

/** How far `names`, those that the base backup has included, go on from `fromLsn`, which it has. */
export const archivedFrom = (
  names: readonly string[],
  timeline: number,
  fromLsn: string,
  segmentBytes: number,
): Archived => {
  const numbers = new Set(
    names
      .map((name) => parseSegment(name, segmentBytes))
      .filter((one) => one?.timeline === timeline)
      .map((one) => one?.number ?? 0n),
  )
  const size = BigInt(segmentBytes)
  let next = parseLsn(fromLsn) / size
  while (numbers.has(next)) next++
  return {
    endLsn: lsnText(next * size),
    missing: [...numbers].some((number) => number > next)
      ? segmentName({ timeline, number: next }, segmentBytes)
      : undefined,
  }
}
