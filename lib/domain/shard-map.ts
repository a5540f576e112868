// Which database has which todos, where they are in more than one: from a bucket to the partition of the
// log that carries its commands, and from there to the shard that the partition is applied to. Pure.

import { bucketOf, bucketOfOwner } from './todo-id.ts'

export type ShardMap = {
  /** Which installation's: each shard stores it, too. */
  readonly installation: string
  /** Grows with each change of the map. */
  readonly version: number
  /** By partition of the log, all there are. */
  readonly shards: readonly string[]
}

/** What a shard says of itself. */
export type ShardIdentity = { readonly installation: string; readonly name: string }

/** In turns: each shard has as many partitions as any other, or one less. */
export const spreadPartitions = (partitions: number, names: readonly string[]): string[] =>
  Array.from({ length: partitions }, (_, partition) => names[partition % names.length] as string)

/** Undefined: the log has no such partition. */
export const shardOfPartition = ({ shards }: ShardMap, partition: number): string | undefined =>
  shards[partition]

/** As whoever publishes chooses it: see homes.ts. */
export const shardOfBucket = ({ shards }: ShardMap, bucket: number): string =>
  shards[bucket % shards.length] as string

/** Undefined for an id without a bucket, which no shard has. */
export const shardOfTodo = (map: ShardMap, todoId: string): string | undefined => {
  const bucket = bucketOf(todoId)
  return bucket === undefined ? undefined : shardOfBucket(map, bucket)
}

/** Where all personal todos of a user are, or all todos of a team. */
export const shardOfOwner = (map: ShardMap, ownerId: string): string =>
  shardOfBucket(map, bucketOfOwner(ownerId))

export const partitionsOfShard = ({ shards }: ShardMap, name: string): number[] =>
  shards.flatMap((shard, partition) => (shard === name ? [partition] : []))

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
  const used = new Set(map.shards)
  if (names.length === 0) {
    return `the todos are in the shards ${[...used].join(', ')}: set DATABASE_SHARDS to them`
  }
  const unnamed = [...used].filter((name) => !names.includes(name))
  const unused = names.filter((name) => !used.has(name))
  if (unnamed.length > 0)
    return `the map has the shards ${unnamed.join(', ')}: add them to DATABASE_SHARDS`
  return unused.length > 0
    ? `the map gives nothing to ${unused.join(', ')}: take it out of DATABASE_SHARDS`
    : undefined
}

/** Why a database is not the shard that DATABASE_SHARDS says; undefined when it is. */
export const identityFault = (
  { installation }: Pick<ShardMap, 'installation'>,
  name: string,
  found: ShardIdentity | undefined,
): string | undefined => {
  if (found?.installation === installation && found.name === name) return undefined
  const is = !found
    ? 'a database that is no shard, or has the map itself'
    : found.installation === installation
      ? `the shard ${found.name}`
      : `the shard ${found.name} of another installation`
  return `${name} in DATABASE_SHARDS leads to ${is}: set its URL to the database that npm run shards -- init was given`
}
