// Which topic it is: the id that Kafka gives to each topic when it is made (2.8 and later), and that
// never comes back. kafkajs 2.2.4 speaks Metadata up to version 6, and the id came with version 10. So
// this one request is made here, and sent through a connection of kafkajs's own: address, TLS and
// SASL are those of every other client. Reaching it takes kafkajs's internals; they are named below.

import type { Kafka } from 'kafkajs'
import type { FoundLog } from '../../domain/log-identity.ts'
import type { Log } from '../../runtime/log.ts'
import { withTimeout } from '../../runtime/deadline.ts'
import { createClient, type KafkaSettings } from './client.ts'
import { clusterMakerOf } from './cluster-maker.ts'
import { explainFailure, plainText } from './security.ts'
import { createOwnSockets } from './sockets.ts'
import { decodeMetadata, encodeMetadataRequest } from './metadata-v10.ts'

export type KafkaProbe = {
  /** Undefined when there is no such topic. Rejects, in bounded time, when nobody answers. */
  find(): Promise<FoundLog | undefined>
  /** Asks over a new connection from now on: the address may lead to another cluster. */
  renew(): void
  close(): Promise<void>
  /** Records come from this broker: it is asked too, since another's metadata may be behind. */
  isFedBy(nodeId: string): void
}

/** A request takes a millisecond; a connection that is silent for this long is replaced. */
const askTimeoutMs = 2_000

export const createTopicProbe = (settings: KafkaSettings, log: Log): KafkaProbe => {
  const feeders = new Set<string>()
  let current: ReturnType<typeof open> | undefined
  let isOutdated = false

  const open = () => {
    const sockets = createOwnSockets({ silentMsMax: askTimeoutMs })
    // Whichever of the list is asked first, one that refuses leads to the next.
    const retries = settings.brokers.split(',').length - 1
    const options = { retries, socketFactory: sockets.factory }
    const cluster = createCluster(createClient(settings, log, askTimeoutMs, options))
    const discard = () => {
      cluster.disconnect().catch(() => {})
      sockets.discard()
    }
    return { cluster, discard, lastFault: sockets.lastFault }
  }

  const ask = async (): Promise<FoundLog | undefined> => {
    const { cluster } = (current ??= open())
    await cluster.connect()
    const brokers = await feedersIn(cluster)
    if (brokers.length === 0) brokers.push(await cluster.brokerPool.findConnectedBroker())
    const [one, ...others] = await Promise.all(
      brokers.map((broker) => askBroker(broker, settings.topic)),
    )
    if (others.some((other) => other?.identity !== one?.identity)) {
      throw new Error("Kafka's brokers do not agree yet on which topic it is")
    }
    return one
  }

  const feedersIn = async ({ brokerPool }: Cluster): Promise<Broker[]> => {
    if ([...feeders].some((nodeId) => brokerPool.brokers[nodeId] === undefined)) {
      await brokerPool.refreshMetadata([settings.topic])
    }
    // One that has left the cluster leads nothing any more.
    const present = [...feeders].filter((nodeId) => brokerPool.brokers[nodeId] !== undefined)
    return Promise.all(present.map((nodeId) => brokerPool.findBroker({ nodeId })))
  }

  const drop = () => {
    current?.discard()
    current = undefined
  }

  return {
    async find() {
      if (isOutdated) drop()
      isOutdated = false
      try {
        return await withTimeout(askTimeoutMs, ask)
      } catch (error) {
        const lastFault = current?.lastFault()
        drop()
        throw explainFailure(error as Error, settings.security ?? plainText, lastFault)
      }
    },
    renew: () => void (isOutdated = true),
    isFedBy: (nodeId) => void feeders.add(nodeId),
    close() {
      drop()
      return Promise.resolve()
    },
  }
}

const metadataKey = 3
const versionWithTopicId = 10

/** Undefined: it knows no such topic. */
const askBroker = async (broker: Broker, topic: string): Promise<FoundLog | undefined> => {
  const { maxVersion = 0 } = broker.versions?.[metadataKey] ?? {}
  if (maxVersion < versionWithTopicId) return askOldBroker(broker, topic)
  const { clusterId, topicId, partitions } = await broker.connectionPool.send({
    request: {
      apiKey: metadataKey,
      apiVersion: versionWithTopicId,
      apiName: 'Metadata',
      encode: () => Promise.resolve(encodeMetadataRequest(topic)),
    },
    response: {
      decode: (payload) => Promise.resolve(decodeMetadata(payload)),
      parse: (decoded) => Promise.resolve(decoded),
    },
  })
  return topicId === undefined
    ? undefined
    : { identity: identityOf(clusterId, topicId), partitions }
}

/** Without topic ids: a topic that is made again in the same cluster looks like the old one. */
const withoutTopicId = 'no-topic-ids'
export const saysTopicId = ({ identity }: FoundLog): boolean => !identity.endsWith(withoutTopicId)

const noTopicId = /^A+$/

const identityOf = (clusterId: string, topicId: string) =>
  `kafka:${clusterId}:${noTopicId.test(topicId) ? withoutTopicId : topicId}`

const askOldBroker = async (broker: Broker, topic: string): Promise<FoundLog | undefined> => {
  try {
    const { clusterId, topicMetadata } = await broker.metadata([topic])
    const partitions = topicMetadata[0]?.partitionMetadata.length ?? 0
    return { identity: `kafka:${clusterId}:${withoutTopicId}`, partitions }
  } catch (error) {
    if ((error as { type?: unknown }).type === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined
    throw error
  }
}

// What is used of kafkajs's internals (src/index.js, src/cluster, src/broker, src/network), and no more.

type Request<T> = {
  readonly request: {
    readonly apiKey: number
    readonly apiVersion: number
    readonly apiName: string
    /** An Encoder, of which these two are read. */
    readonly encode: () => Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>
  }
  readonly response: {
    readonly decode: (payload: Buffer) => Promise<T>
    readonly parse: (decoded: T) => Promise<T>
  }
}
type Broker = {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null
  readonly connectionPool: { send<T>(request: Request<T>): Promise<T> }
  metadata(topics: readonly string[]): Promise<{
    readonly clusterId: string
    readonly topicMetadata: readonly { readonly partitionMetadata: readonly unknown[] }[]
  }>
}
type Cluster = {
  connect(): Promise<void>
  disconnect(): Promise<void>
  readonly brokerPool: {
    readonly brokers: Readonly<Record<string, Broker>>
    findConnectedBroker(): Promise<Broker>
    findBroker(which: { readonly nodeId: string }): Promise<Broker>
    refreshMetadata(topics: readonly string[]): Promise<void>
  }
}

const createCluster = (client: Kafka): Cluster =>
  clusterMakerOf<Cluster>(client).create({ allowAutoTopicCreation: false })
