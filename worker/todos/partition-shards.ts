// Which databases each partition is applied to, and whether they are there: for the sink, and for whoever
// watches that commands are applied. A partition whose shard is down waits for that, and for no restart.

import {
  guestsOfShard,
  partitionOfBucket,
  shardOfPartition,
  type ShardMap,
} from '../../lib/domain/shard-map.ts'
import type { Shards } from '../../lib/shards/open.ts'
import type { TodoStore } from '../../lib/todo-store/todo-store.ts'
import type { SinkShards } from './sink.ts'

export type PartitionShards = SinkShards & {
  /** Undefined: it is not known now which it is, or there is none. */
  homeOf(partition: number): string | undefined
  /** Some shard is down that the partition is applied to: none of its commands is, until it is back. */
  isHeldUp(partition: number): boolean
}

export const createPartitionShards = (
  { map, names, watch }: Pick<Shards, 'map' | 'names' | 'watch'>,
  ofShard: (name: string) => TodoStore,
): PartitionShards => {
  const mapIfKnown = (): ShardMap | undefined => {
    try {
      return map()
    } catch {
      return undefined
    }
  }
  const homeOf = (partition: number): string | undefined => {
    const now = mapIfKnown()
    return now && shardOfPartition(now, partition)
  }
  const isDown = (partition: number): boolean => {
    const name = homeOf(partition)
    return name === undefined || watch.isDown(name)
  }

  return {
    homeOf,
    // Whichever, of a partition that is in none: it is down.
    storeOf: (partition) => ofShard(homeOf(partition) ?? (names[0] as string)),
    isDown,
    async isDownNow(partition) {
      const name = homeOf(partition)
      return name === undefined || watch.isDownNow(name)
    },
    isHeldUp(partition) {
      const now = mapIfKnown()
      if (!now || isDown(partition)) return true
      const guests = [...watch.down().keys()].flatMap((name) => guestsOfShard(now, name))
      return guests.some((bucket) => partitionOfBucket(now, bucket) === partition)
    },
    named: { storeOf: ofShard, isDown: watch.isDown, isDownNow: watch.isDownNow },
  }
}
