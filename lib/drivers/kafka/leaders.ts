// Who leads the partitions of a topic, as kafkajs's producer knows it. kafkajs 2.2.4 lets a send wait
// while it asks for that again, and asks any broker that it is connected to. One that is frozen is
// connected, and says nothing: all sends would wait for it, also those to brokers that answer.

import type { Kafka, PartitionMetadata } from 'kafkajs'
import { clusterMakerOf } from './cluster-maker.ts'

export type Leaders = {
  /** Connects, and knows the leaders then. To be called before the producer connects itself. */
  connect(): Promise<void>
  /** Resolves when each broker that leads one of these partitions has answered. */
  answer(partitions: readonly number[]): Promise<void>
  /** Of each partition, the brokers that have it: the first leads it whenever it can. */
  replicas(): ReadonlyMap<number, readonly number[]>
  /** Asks no more. */
  stop(): void
}

/** Before `client` makes its producer. `maxAgeMs`: how old what is known of the leaders may get. */
export const followLeaders = (client: Kafka, topic: string, maxAgeMs: number): Leaders => {
  const maker = clusterMakerOf<Cluster>(client)
  const { create } = maker
  let cluster: Cluster | undefined
  let asking: NodeJS.Timeout | undefined
  let isStopped = false
  maker.create = (options) => {
    cluster = create(options)
    // Known from `connect` on, and asked for again beside the sends.
    cluster.refreshMetadataIfNecessary = () => Promise.resolve()
    // Any broker gives out a producer's id. kafkajs asks the one that metadata name as the controller,
    // and brokers that are none name one of them at random.
    const { brokerPool } = cluster
    cluster.findControllerBroker = () => brokerPool.findConnectedBroker()
    return cluster
  }
  const made = (): Cluster => {
    if (cluster === undefined) throw new Error('the producer is not made yet')
    return cluster
  }

  return {
    async connect() {
      await made().connect()
      await made().addMultipleTargetTopics([topic])
      if (isStopped) return
      asking ??= setInterval(
        () =>
          void made()
            .refreshMetadata()
            .catch(() => {}),
        maxAgeMs,
      )
      asking.unref()
    },
    async answer(partitions) {
      const nodeIds = Object.keys(made().findLeaderForPartitions(topic, partitions))
      await Promise.all(
        nodeIds.map(async (nodeId) => (await made().findBroker({ nodeId })).apiVersions()),
      )
    },
    replicas() {
      const topics = made().brokerPool.metadata?.topicMetadata ?? []
      const partitions = topics.find((one) => one.topic === topic)?.partitionMetadata ?? []
      return new Map(partitions.map(({ partitionId, replicas }) => [partitionId, replicas]))
    },
    stop() {
      isStopped = true
      clearInterval(asking)
    },
  }
}

// What is used of kafkajs's internals (src/cluster, src/broker), and no more.

type Broker = { readonly apiVersions: () => Promise<unknown> }
type Cluster = {
  connect(): Promise<void>
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>
  refreshMetadata(): Promise<void>
  refreshMetadataIfNecessary: () => Promise<void>
  findControllerBroker: () => Promise<Broker>
  findBroker(which: { readonly nodeId: string }): Promise<Broker>
  findLeaderForPartitions(
    topic: string,
    partitions: readonly number[],
  ): Readonly<Record<string, readonly number[]>>
  readonly brokerPool: {
    findConnectedBroker(): Promise<Broker>
    /** Null before it connects, and after it was disconnected. */
    readonly metadata?: {
      readonly topicMetadata: readonly {
        readonly topic: string
        readonly partitionMetadata: readonly Pick<PartitionMetadata, 'partitionId' | 'replicas'>[]
      }[]
    } | null
  }
}
