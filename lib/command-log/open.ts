// Chooses the command log's driver by configuration: one place, used by server and worker.

import type { Config } from '../runtime/config/config.ts'
import type { Log } from '../runtime/log.ts'
import type { PoolStats } from '../runtime/pool-stats.ts'
import type { PoolName } from '../drivers/postgres/budget.ts'
import type { Databases } from '../drivers/postgres/databases.ts'
import type { CommandConsumer, CommandPublisher, LogProbe, PublishGate } from './command-log.ts'
import { createKafkaConsumer } from './kafka/consumer.ts'
import { createTopicProbe } from '../drivers/kafka/identity.ts'
import { createKafkaPublisher } from './kafka/publisher.ts'
import {
  missingReplicas,
  readReplication,
  replicateTopic,
  type Replicas,
} from '../drivers/kafka/replication.ts'
import { kafkaSecurity } from '../drivers/kafka/security.ts'
import {
  createBoundsReader,
  ensureTopic,
  growTopic,
  readTopicRanges,
} from '../drivers/kafka/topic.ts'
import type { Bounds } from '../domain/log-identity.ts'
import {
  createEndsReader,
  createLogProbe,
  createPostgresConsumer,
  createPostgresPublisher,
  ensureLog,
  growLog,
  readLogRanges,
} from './postgres.ts'

const readTimeoutMs = 10_000
const probeTimeoutMs = 2_000
const pollTimeoutMs = 5_000
const ensureTimeoutMs = 10_000

/** Which topic of which brokers, and how they let us in. */
const kafkaOf = (config: Config) => ({
  brokers: config.KAFKA_BROKERS,
  topic: config.KAFKA_TODO_TOPIC,
  security: kafkaSecurity(config),
})

const replicasOf = (config: Config): Replicas => ({
  replicationFactor: config.KAFKA_REPLICATION_FACTOR,
  minInsyncReplicas: config.KAFKA_MIN_INSYNC_REPLICAS,
})

/** Makes the log unless it is there; returns how many partitions it has. Rejects when it is down. */
export const ensureCommandLog = (config: Config, databases: Databases, log: Log): Promise<number> =>
  config.COMMAND_LOG === 'kafka'
    ? ensureTopic(
        {
          ...kafkaOf(config),
          partitions: config.KAFKA_PARTITIONS,
          ...replicasOf(config),
        },
        log,
        ensureTimeoutMs,
      )
    : ensureLog(databases, { log: config.KAFKA_TODO_TOPIC, partitions: config.KAFKA_PARTITIONS })

/** Adds partitions until there are so many. Rejects when the log is down, or has more. */
export const growCommandLog = (
  config: Config,
  databases: Databases,
  partitions: number,
  log: Log,
): Promise<void> =>
  config.COMMAND_LOG === 'kafka'
    ? growTopic({ ...kafkaOf(config), partitions }, log, ensureTimeoutMs)
    : growLog(databases, { log: config.KAFKA_TODO_TOPIC, partitions })

/**
 * What a log that exists has less of than the settings ask for, with the command that mends it; undefined
 * when nothing. Rejects when it is down.
 */
export const findMissingReplicas = async (
  config: Config,
  log: Log,
): Promise<{ readonly found: string; readonly advice: string } | undefined> => {
  const asked = replicasOf(config)
  const isAnyEnough = asked.replicationFactor === 1 && asked.minInsyncReplicas === 1
  if (config.COMMAND_LOG !== 'kafka' || isAnyEnough) return undefined
  const replication = await readReplication(kafkaOf(config), log, readTimeoutMs)
  const found = missingReplicas(config.KAFKA_TODO_TOPIC, asked, replication)
  return found === undefined ? undefined : { found, advice: 'npm run command-log -- replicas' }
}

/** Resolves once the log has what the settings ask for. */
export const replicateCommandLog = (config: Config, log: Log, timeoutMs: number): Promise<void> =>
  replicateTopic({ ...kafkaOf(config), ...replicasOf(config) }, log, timeoutMs)

/**
 * What each partition has; empty when there is no such log. Rejects when it is down. Read what is
 * applied before this, and nothing is ahead of the log.
 */
export const readRanges = (
  config: Config,
  databases: Databases,
  log: Log,
): Promise<Map<number, Bounds>> =>
  config.COMMAND_LOG === 'kafka'
    ? readTopicRanges(kafkaOf(config), log, readTimeoutMs)
    : readLogRanges(databases, config.KAFKA_TODO_TOPIC, readTimeoutMs)

/** The offset that each partition will give to its next record. */
export const readEnds = async (
  config: Config,
  databases: Databases,
  log: Log,
): Promise<Map<number, number>> => {
  const ranges = await readRanges(config, databases, log)
  return new Map([...ranges].map(([partition, { end }]) => [partition, end]))
}

/** `name`: the pool that it asks on, where the log is in Postgres. */
export const openProbe = (
  config: Config,
  databases: Databases,
  log: Log,
  name: PoolName = 'log probe',
): LogProbe =>
  config.COMMAND_LOG === 'kafka'
    ? createTopicProbe(kafkaOf(config), log)
    : createLogProbe(databases, config.KAFKA_TODO_TOPIC, probeTimeoutMs, name)

/** `use`: of its connections to Postgres, where they are those. */
export const openPublisher = (
  config: Config,
  databases: Databases,
  gate: PublishGate,
  log: Log,
  use?: PoolStats,
): CommandPublisher => {
  const bounds = {
    queueMax: config.PUBLISH_QUEUE_MAX,
    waitMaxMs: config.PUBLISH_WAIT_MAX_MS,
    timeoutMs: config.PUBLISH_TIMEOUT_MS,
  }
  return config.COMMAND_LOG === 'kafka'
    ? createKafkaPublisher({ ...kafkaOf(config), ...bounds }, gate, log)
    : createPostgresPublisher(
        databases,
        { log: config.KAFKA_TODO_TOPIC, gate, ...bounds, ...(use && { use }) },
        log,
      )
}

/** For one who asks again and again. Rejects in time while the log is down, whichever connection is. */
export type EndsReader = { read(): Promise<Map<number, number>>; close(): void }

export const openEndsReader = (config: Config, databases: Databases, log: Log): EndsReader => {
  if (config.COMMAND_LOG === 'postgres') {
    return createEndsReader(databases, config.KAFKA_TODO_TOPIC, pollTimeoutMs)
  }
  const bounds = createBoundsReader(kafkaOf(config), log)
  return {
    read: async () => new Map([...(await bounds.read())].map(([n, { end }]) => [n, end])),
    close: bounds.close,
  }
}

/** `lossConfirmMs`: for tests, which can't wait as long as an operator would want it to. */
export const openConsumer = (
  config: Config,
  databases: Databases,
  log: Log,
  bounds: { lossConfirmMs?: number } = {},
): CommandConsumer =>
  config.COMMAND_LOG === 'kafka'
    ? createKafkaConsumer(
        {
          ...kafkaOf(config),
          groupId: `${config.KAFKA_TODO_TOPIC}-worker`,
          partitionsAtOnce: config.WORKER_POOL_SIZE,
          ...bounds,
        },
        log,
      )
    : createPostgresConsumer(
        databases,
        {
          log: config.KAFKA_TODO_TOPIC,
          partitionsAtOnce: config.WORKER_POOL_SIZE,
          ...bounds,
        },
        log,
      )
