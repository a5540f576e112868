// In how many replicas the topic keeps each record, and how many of them must have one before it is
// acknowledged. A topic keeps what it was made with, whatever the settings say later: `replicateTopic`
// brings it to what they ask for, under writes.

import { setTimeout as delay } from 'node:timers/promises'
import type { Admin, PartitionMetadata } from 'kafkajs'
import type { Log } from '../../runtime/log.ts'
import { withAdmin, type KafkaSettings } from './client.ts'
import { loadKafkajs } from './kafkajs.ts'

export type Replicas = {
  readonly replicationFactor: number
  /** 1: what the brokers' own default says. */
  readonly minInsyncReplicas: number
}

export type Replication = {
  /** Of the partition that has fewest. */
  readonly replicas: number
  /** Undefined: the user may not read it. */
  readonly minInsyncReplicas: number | undefined
}

export const minInsyncName = 'min.insync.replicas'

export const readReplication = (
  settings: KafkaSettings,
  log: Log,
  timeoutMs: number,
): Promise<Replication> =>
  withAdmin(settings, log, timeoutMs, async (admin) => {
    const { topic } = settings
    const partitions = await partitionsOf(admin, topic)
    return {
      replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      minInsyncReplicas: await readMinInsync(admin, topic),
    }
  })

/** What the topic has less of than is asked for, in words; undefined when nothing. */
export const missingReplicas = (
  topic: string,
  asked: Replicas,
  { replicas, minInsyncReplicas = Infinity }: Replication,
): string | undefined => {
  const missing = [
    replicas < asked.replicationFactor &&
      `${replicas} of ${asked.replicationFactor} replicas (KAFKA_REPLICATION_FACTOR)`,
    minInsyncReplicas < asked.minInsyncReplicas &&
      `${minInsyncName}=${minInsyncReplicas} in place of ${asked.minInsyncReplicas} (KAFKA_MIN_INSYNC_REPLICAS)`,
  ].filter((one) => one !== false)
  return missing.length > 0 ? `${topic} has ${missing.join(' and ')}` : undefined
}

/** Undefined: no setting of the topic may be read. */
export const readMinInsync = async (admin: Admin, topic: string): Promise<number | undefined> => {
  try {
    const entries = await readSettings(admin, topic, [minInsyncName])
    const entry = entries.find(({ configName }) => configName === minInsyncName)
    return entry && Number(entry.configValue)
  } catch (error) {
    if (error instanceof loadKafkajs().KafkaJSProtocolError && error.type.includes('AUTHORIZATION'))
      return undefined
    throw error
  }
}

/** Rejects when fewer replicas of a partition are in sync than a write needs: it names the first. */
export const takesWrites = async (admin: Admin, topic: string): Promise<void> => {
  const partitions = await partitionsOf(admin, topic)
  const behind = partitions.filter(({ isr, replicas }) => isr.length < replicas.length)
  if (behind.length === 0) return
  const needed = (await readMinInsync(admin, topic)) ?? 1
  const refusing = behind.find(({ isr }) => isr.length < needed)
  if (!refusing) return
  const { partitionId, isr } = refusing
  throw new Error(
    `partition ${partitionId} has ${isr.length} replica${isr.length === 1 ? '' : 's'} in sync, and ${minInsyncName} is ${needed}: writes are refused`,
  )
}

/** Copies take as long as they take: `timeoutMs` is for all of it. */
export const replicateTopic = (
  settings: KafkaSettings & Replicas,
  log: Log,
  timeoutMs: number,
): Promise<void> =>
  withAdmin(settings, log, timeoutMs, async (admin) => {
    const { topic, replicationFactor, minInsyncReplicas } = settings
    const { brokers } = await admin.describeCluster()
    const partitionAssignment = spreadReplicas(
      await partitionsOf(admin, topic),
      brokers.map(({ nodeId }) => nodeId),
      replicationFactor,
    )
    if (partitionAssignment.length > 0) {
      await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] })
    }
    // Writes would be refused if more had to be in sync than are there.
    for (;;) {
      const partitions = await partitionsOf(admin, topic)
      if (partitions.every(({ isr }) => isr.length >= replicationFactor)) break
      await delay(pollIntervalMs)
    }
    const now = (await readMinInsync(admin, topic)) ?? 1
    if (now < minInsyncReplicas) await setMinInsync(admin, topic, minInsyncReplicas)
  })

const pollIntervalMs = 200

type Assignment = { readonly partition: number; readonly replicas: number[] }

/** For each partition that has too few: those that it has, first, and the brokers that have least. */
export const spreadReplicas = (
  partitions: readonly Pick<PartitionMetadata, 'partitionId' | 'replicas'>[],
  brokers: readonly number[],
  replicationFactor: number,
): Assignment[] => {
  if (brokers.length < replicationFactor) {
    throw new Error(
      `${replicationFactor} replicas need as many brokers, and ${brokers.length} are there`,
    )
  }
  const load = new Map(brokers.map((broker) => [broker, 0]))
  const take = (broker: number) => load.set(broker, (load.get(broker) ?? 0) + 1)
  for (const { replicas } of partitions) replicas.forEach(take)
  return partitions
    .filter(({ replicas }) => replicas.length < replicationFactor)
    .map(({ partitionId, replicas }) => {
      const all = [...replicas]
      while (all.length < replicationFactor) {
        const others = brokers.filter((broker) => !all.includes(broker))
        const least = Math.min(...others.map((broker) => load.get(broker) ?? 0))
        const next = others.find((broker) => load.get(broker) === least) as number
        take(next)
        all.push(next)
      }
      return { partition: partitionId, replicas: all }
    })
}

const partitionsOf = async (admin: Admin, topic: string): Promise<PartitionMetadata[]> => {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  return topics[0]?.partitions ?? []
}

const readSettings = async (admin: Admin, topic: string, configNames?: string[]) => {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [
      {
        type: loadKafkajs().ConfigResourceTypes.TOPIC,
        name: topic,
        ...(configNames && { configNames }),
      },
    ],
  })
  return resources[0]?.configEntries ?? []
}

/** Where Kafka says that a value is the topic's own (DYNAMIC_TOPIC_CONFIG). */
const ownSource = 1

/** The request sets all of a topic's settings: those that it has are sent again. */
const setMinInsync = async (admin: Admin, topic: string, minInsyncReplicas: number) => {
  const own = (await readSettings(admin, topic))
    .filter(({ configSource, configName }) => {
      return (configSource as number) === ownSource && configName !== minInsyncName
    })
    .map(({ configName: name, configValue: value }) => ({ name, value }))
  await admin.alterConfigs({
    validateOnly: false,
    resources: [
      {
        type: loadKafkajs().ConfigResourceTypes.TOPIC,
        name: topic,
        configEntries: [...own, { name: minInsyncName, value: String(minInsyncReplicas) }],
      },
    ],
  })
}
