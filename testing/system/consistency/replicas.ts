// The replicas of the topic on a cluster, as an operator moves them, and waits for them to be complete.

import type { Admin, PartitionMetadata } from 'kafkajs'
import { eventually } from '../../eventually.ts'
import { asOperator } from './topic.ts'

type Topic = { readonly brokers: string; readonly topic: string }

/** A broker that was just started may have much to copy. */
const syncTimeoutMs = 60_000

export const readPartitions = ({ brokers, topic }: Topic): Promise<PartitionMetadata[]> =>
  asOperator(brokers, (admin) => partitionsOf(admin, topic))

const partitionsOf = async (admin: Admin, topic: string) => {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  return topics[0]?.partitions ?? []
}

/** The broker that coordinates the workers: the leader of the partition that their group is kept in. */
export const findCoordinator = ({ brokers, topic }: Topic): Promise<number> =>
  asOperator(brokers, async (admin) => {
    const groups = '__consumer_offsets'
    const { topics } = await admin.fetchTopicMetadata({ topics: [groups] })
    const partitions = topics[0]?.partitions ?? []
    const kept = Math.abs(javaHash(`${topic}-worker`)) % partitions.length
    return partitions.find(({ partitionId }) => partitionId === kept)?.leader ?? 1
  })

const javaHash = (text: string): number =>
  Buffer.from(text).reduce((hash, byte) => (Math.imul(31, hash) + byte) | 0, 0)

/**
 * Resolves when each partition has all of its replicas in sync, as every broker has it: one that was frozen
 * says for a moment what was true before.
 */
export const untilInSync = ({ brokers, topic }: Topic, replicas = 3): Promise<unknown> =>
  eventually(
    () =>
      Promise.all(
        brokers.split(',').map((one) => readPartitions({ brokers: one, topic }).catch(() => [])),
      ),
    (told) =>
      told.every(
        (partitions) =>
          partitions.length > 0 && partitions.every(({ isr }) => isr.length >= replicas),
      ),
    syncTimeoutMs,
  )

/** The next replica of each comes first: within a second, the controller makes it the leader. */
export const moveLeaders = async (place: Topic): Promise<void> => {
  const before = await assign(place, ([first, ...others]) => [...others, first as number])
  const isMoved = ({ partitionId, leader }: PartitionMetadata) =>
    before.find((one) => one.partitionId === partitionId)?.leader !== leader
  await eventually(
    () => readPartitions(place).catch(() => []),
    (partitions) => partitions.length > 0 && partitions.every(isMoved),
    syncTimeoutMs,
  )
}

/** The first of each, which leads, is the one that is taken away; it comes back behind the others. */
export const reassign = async (place: Topic, count: 2 | 3): Promise<void> => {
  const all = [1, 2, 3]
  await assign(place, (replicas) =>
    count === 2
      ? replicas.slice(-2)
      : [...replicas, ...all.filter((one) => !replicas.includes(one))],
  )
  await untilInSync(place, count)
}

/** Resolves with what was before. */
const assign = ({ brokers, topic }: Topic, change: (replicas: number[]) => number[]) =>
  asOperator(brokers, async (admin) => {
    const before = await partitionsOf(admin, topic)
    const partitionAssignment = before.map(({ partitionId, replicas }) => {
      return { partition: partitionId, replicas: change(replicas) }
    })
    await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] })
    return before
  })
