// Where each bucket is, when some of the databases went back in time and others did not. Pure. Whoever did not
// go back is believed: first the home of a bucket, then DATABASE_URL. What nobody can know is refused.

export type Place = {
  readonly shard: string
  /** Which has brought it there. Undefined: of an older release, or not known. */
  readonly move: string | undefined
}

export type Known = {
  /** By partition: its home. */
  readonly homes: readonly string[]
  /** Shards that went back. */
  readonly restored: ReadonlySet<string>
  readonly isMainRestored: boolean
  /** As DATABASE_URL has it: buckets that are not at home, and moves that were begun and are not finished. */
  readonly moved: ReadonlyMap<number, string>
  readonly begun: ReadonlyMap<number, { readonly from: string; readonly to: string }>
  /** As each home has it. */
  readonly elsewhere: ReadonlyMap<string, ReadonlyMap<number, Place>>
  /** As each shard has it: buckets that came to it, with the move. */
  readonly guests: ReadonlyMap<string, ReadonlyMap<number, string>>
  /** By shard and partition. */
  readonly positions: ReadonlyMap<string, ReadonlyMap<number, number>>
}

export type Decision = {
  /** Of all buckets that are not at home. */
  readonly places: ReadonlyMap<number, Place>
  /** Rows of a bucket in a shard that does not have it. */
  readonly strays: readonly { readonly bucket: number; readonly shard: string }[]
  /** Each in one line, with what to do. None: it is all known. */
  readonly refusals: readonly string[]
}

export const decidePlaces = (known: Known): Decision => {
  const places = new Map<number, Place>()
  const strays: { bucket: number; shard: string }[] = []
  const refused = new Map<string, number[]>()
  for (const bucket of bucketsIn(known)) {
    const { owner, refusal, isProven } = ownerOf(known, bucket)
    const reason = refusal ?? (isProven === true ? undefined : lackOf(known, bucket, owner))
    if (reason !== undefined) refused.set(reason, [...(refused.get(reason) ?? []), bucket])
    const home = homeOf(known, bucket)
    if (owner !== home) places.set(bucket, { shard: owner, move: moveOf(known, bucket, owner) })
    const begun = known.begun.get(bucket)
    for (const [shard, guests] of known.guests) {
      if (shard === owner || shard === home) continue
      const isOfMove = begun?.from === shard || begun?.to === shard
      if (guests.has(bucket) || isOfMove) strays.push({ bucket, shard })
    }
    // A home that did not go back has deleted them in the transaction that decides.
    const wasHome = known.restored.has(home) && wordOfHome(known, bucket) === undefined
    if (owner !== home && wasHome) strays.push({ bucket, shard: home })
  }
  const refusals = [...refused].map(([reason, buckets]) => `${namesOf(buckets)} ${reason}`)
  return { places, strays, refusals }
}

const bucketsIn = ({ moved, begun, elsewhere, guests }: Known): number[] => {
  const maps = [moved, begun, ...elsewhere.values(), ...guests.values()]
  return [...new Set(maps.flatMap((one) => [...one.keys()]))].sort((a, b) => a - b)
}

const partitionOf = ({ homes }: Known, bucket: number) => bucket % homes.length
const homeOf = (known: Known, bucket: number) => known.homes[partitionOf(known, bucket)] as string
const wordOfHome = (known: Known, bucket: number): Place | undefined =>
  known.elsewhere.get(homeOf(known, bucket))?.get(bucket)

type Owner = {
  readonly owner: string
  readonly refusal?: string
  /** It has the rows. */
  readonly isProven?: boolean
}

const ownerOf = (known: Known, bucket: number): Owner => {
  const { restored, isMainRestored, moved, begun } = known
  const home = homeOf(known, bucket)
  const word = wordOfHome(known, bucket)?.shard ?? home
  if (!restored.has(home)) return { owner: word }
  if (isMainRestored) return ownerByShards(known, bucket)
  const move = begun.get(bucket)
  if (!move) return { owner: moved.get(bucket) ?? home }
  if (word === move.to) return { owner: word }
  if (isCurrent(known, bucket, move.from)) return { owner: move.from }
  const refusal = `may have gone from ${move.from} to ${move.to} after that moment: restore ${home} to a later one`
  return { owner: move.from, refusal }
}

/** Where neither the home nor DATABASE_URL is of now: which shard has a copy says what became of it. */
const ownerByShards = (known: Known, bucket: number): Owner => {
  const home = homeOf(known, bucket)
  const word = wordOfHome(known, bucket)
  if (!word) return { owner: home } // it has the rows of then, and reads all that came since
  const { shard, move } = word
  if (move !== undefined && known.guests.get(shard)?.get(bucket) === move) {
    if (isCurrent(known, bucket, shard)) return { owner: shard, isProven: true }
    const refusal = `may have left ${shard} after that moment: restore ${home} to a later one`
    return { owner: shard, refusal }
  }
  // Deleted there, which comes last, it has moved on: to one that has it now.
  const [next, ...others] = [...known.guests].filter(([, guests]) => guests.has(bucket))
  const isOfNow = (name: string) => !known.restored.has(name)
  return next && others.length === 0 && isOfNow(shard) && isOfNow(next[0])
    ? { owner: next[0], isProven: true }
    : { owner: shard, refusal: move === undefined ? ofOlderRelease(shard) : nowhere(shard) }
}

/**
 * Whether a shard has applied all that it has read of a bucket, though the home went back to before it might
 * have given the bucket away.
 */
const isCurrent = (known: Known, bucket: number, shard: string): boolean => {
  const home = homeOf(known, bucket)
  if (shard === home) return true // it reads all of that again
  const partition = partitionOf(known, bucket)
  const at = (name: string) => known.positions.get(name)?.get(partition) ?? 0
  if (at(shard) <= at(home)) return true
  // A shard without another bucket of the partition reads nothing more when this one is gone.
  const guests = [...(known.guests.get(shard)?.keys() ?? [])]
  return guests.every((guest) => guest === bucket || partitionOf(known, guest) !== partition)
}

/** Why the shard that has a bucket lacks its rows. */
const lackOf = (known: Known, bucket: number, owner: string): string | undefined => {
  if (!known.restored.has(owner)) return undefined
  const home = homeOf(known, bucket)
  const word = wordOfHome(known, bucket)
  if (owner === home) return word === undefined ? undefined : nowhere(owner)
  const needed = word?.shard === owner ? word.move : undefined
  if (needed !== undefined && known.guests.get(owner)?.get(bucket) === needed) return undefined
  return word?.shard === owner && needed === undefined ? ofOlderRelease(owner) : nowhere(owner)
}

const nowhere = (shard: string) =>
  `came to ${shard} after that moment, and no database has what it had: restore ${shard} to a later one, or all databases to one moment`
const ofOlderRelease = (shard: string) =>
  `was moved to ${shard} by an older release, and may have come after that moment: restore ${shard} to a later one`

const moveOf = (known: Known, bucket: number, owner: string): string | undefined => {
  const word = wordOfHome(known, bucket)
  return known.guests.get(owner)?.get(bucket) ?? (word?.shard === owner ? word.move : undefined)
}

const namesOf = (buckets: readonly number[]): string =>
  `${buckets.length === 1 ? 'bucket' : 'buckets'} ${buckets.join(', ')}`
