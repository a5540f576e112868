// Which database has which todos, where they are in more than one: from a bucket to the partition of the
// log that carries its commands, and from there to the shard that the partition is applied to. Pure.

import { bucketOf, bucketOfOwner } from './todo-id.ts'

export type ShardMap = {
  /** Which installation's: each shard stores it, too. */
  readonly installation: string
  /** Grows with each change of the map. */
  readonly version: number
  /** By partition of the log, all there are: its home. */
  readonly shards: readonly string[]
  /** By bucket: those that are in another shard than the home of their partition. */
  readonly moved?: ReadonlyMap<number, string>
  /** Shards that have joined it, and are home of no partition. */
  readonly added?: readonly string[]
  /** The shard that has the todos whose ids have no bucket. */
  readonly adopted?: string | undefined
}

/** What a shard says of itself. */
export type ShardIdentity = { readonly installation: string; readonly name: string }

/** In turns: each shard has as many partitions as any other, or one less. */
export const spreadPartitions = (partitions: number, names: readonly string[]): string[] =>
  Array.from({ length: partitions }, (_, partition) => names[partition % names.length] as string)

/** Undefined: the log has no such partition. */
export const shardOfPartition = ({ shards }: ShardMap, partition: number): string | undefined =>
  shards[partition]

/** As whoever publishes chooses it: see homes.ts. Where a bucket is moved to, it stays the same. */
export const partitionOfBucket = ({ shards }: ShardMap, bucket: number): number =>
  bucket % shards.length

/** Whose database says in which shard the bucket is. */
export const homeOfBucket = (map: ShardMap, bucket: number): string =>
  map.shards[partitionOfBucket(map, bucket)] as string

/** As the map has it: it may have been moved since. */
export const shardOfBucket = (map: ShardMap, bucket: number): string =>
  map.moved?.get(bucket) ?? homeOfBucket(map, bucket)

/** Undefined for an id without a bucket, where no shard has such. They are moved nowhere. */
export const shardOfTodo = (map: ShardMap, todoId: string): string | undefined => {
  const bucket = bucketOf(todoId)
  return bucket === undefined ? map.adopted : shardOfBucket(map, bucket)
}

/** Of a shard, what there is of each. Throws where nobody has connected to it. */
export const ofShard = <T>(all: ReadonlyMap<string, T>, name: string): T => {
  const found = all.get(name)
  if (found === undefined) throw new Error(`there is no connection to the shard ${name}`)
  return found
}

/** Where all personal todos of a user are, or all todos of a team. */
export const shardOfOwner = (map: ShardMap, ownerId: string): string =>
  shardOfBucket(map, bucketOfOwner(ownerId))

export const partitionsOfShard = ({ shards }: ShardMap, name: string): number[] =>
  shards.flatMap((shard, partition) => (shard === name ? [partition] : []))

/** All that have something, or may get it. */
export const shardsUsed = ({ shards, moved, added = [] }: ShardMap): Set<string> =>
  new Set([...shards, ...(moved?.values() ?? []), ...added])

/** Of these names, those that the map does not have: nobody needs them yet. */
export const shardsWaiting = (map: ShardMap, names: readonly string[]): string[] => {
  const used = shardsUsed(map)
  return names.filter((name) => !used.has(name))
}

/** Buckets that a shard has though their home is another. */
export const guestsOfShard = ({ moved }: ShardMap, name: string): number[] =>
  [...(moved ?? [])].flatMap(([bucket, shard]) => (shard === name ? [bucket] : []))

/** Why the map and the settings contradict each other, in one line; undefined when they do not. */
export const mapFault = (
  map: ShardMap | undefined,
  names: readonly string[],
): string | undefined => {
  if (!map) {
    return names.length === 0
      ? undefined
      : 'DATABASE_SHARDS is set and there is no map of shards: run npm run shards -- init'
  }
  const used = shardsUsed(map)
  if (names.length === 0) {
    return `the todos are in the shards ${[...used].join(', ')}: set DATABASE_SHARDS to them`
  }
  const unnamed = [...used].filter((name) => !names.includes(name))
  return unnamed.length > 0
    ? `the map has the shards ${unnamed.join(', ')}: add them to DATABASE_SHARDS`
    : undefined
}

/**
 * Of a shard that was restored, and whose contents nobody has compared with the others' yet: under this
 * name nobody uses it. `to`: the moment. No shard can be given such a name.
 */
export const restoredName = (name: string, to: string): string => `${name} as of ${to}`

/** Undefined: it is in use. */
export const restoredTo = (
  name: string,
): { readonly name: string; readonly to: string } | undefined => {
  const [, shard, to] = /^(\S+) as of (.+)$/.exec(name) ?? []
  return shard === undefined || to === undefined ? undefined : { name: shard, to }
}

/** Why a database is not the shard that DATABASE_SHARDS says; undefined when it is. */
export const identityFault = (
  { installation }: Pick<ShardMap, 'installation'>,
  name: string,
  found: ShardIdentity | undefined,
): string | undefined => {
  if (found?.installation === installation && found.name === name) return undefined
  if (found?.installation === installation && restoredTo(found.name)?.name === name)
    return `${name} was restored, and is used by nobody yet: run npm run restore -- --join`
  const is = !found
    ? 'a database that is no shard, or has the map itself'
    : found.installation === installation
      ? `the shard ${found.name}`
      : `the shard ${found.name} of another installation`
  return `${name} in DATABASE_SHARDS leads to ${is}: set its URL to the database that npm run shards -- init was given`
}
